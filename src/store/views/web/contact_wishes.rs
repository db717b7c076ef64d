//! What is suppressed at addresses, and why.

use serde_json::Value as Json;

use crate::clock::Instant;
use crate::store::Store;

/// A class of mail that an address does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// A class, or `all`.
    pub class: String,
    /// Where it comes from, as `unsubscribe` or `bounce`.
    pub source: String,
    /// Since when, where that is known.
    pub at: Option<Instant>,
}

impl Wish {
    /// The wish that says something about a class, if any.
    pub fn about<'a>(wishes: &'a [Wish], class: &str) -> Option<&'a Wish> {
        wishes.iter().find(|wish| wish.class == class).or_else(|| wishes.iter().find(|wish| wish.class == "all"))
    }
}

impl Store {
    /// What is suppressed at each address itself, in the order given.
    pub async fn wishes_at(&self, addresses: &[&str]) -> sqlx::Result<Vec<Vec<Wish>>> {
        let mut hashes = Vec::with_capacity(addresses.len());
        for address in addresses {
            hashes.push(self.address_hash(address).await?);
        }
        let rows: Vec<Option<Json>> = sqlx::query_scalar(
            "select r.suppressed from unnest($1::text[]) with ordinality as w (address_hash, place)
             left join keepwell.recipients r using (address_hash) order by w.place",
        )
        // Not a plan from when there were few.
        .persistent(false)
        .bind(&hashes)
        .fetch_all(self.pool())
        .await?;
        Ok(rows.iter().map(wishes).collect())
    }
}

fn wishes(suppressed: &Option<Json>) -> Vec<Wish> {
    let said = suppressed.iter().filter_map(Json::as_object).flatten();
    let wish = |(class, word): (&String, &Json)| Wish {
        class: class.clone(),
        source: word["source"].as_str().unwrap_or("unknown").to_owned(),
        at: word["at"].as_str().and_then(|at| at.parse().ok()),
    };
    said.map(wish).collect()
}
