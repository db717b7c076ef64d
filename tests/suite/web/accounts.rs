//! The list of accounts: who is in it, how one is found, and page after page.

use serde_json::json;

use crate::support::mapped::{Customers, on_both_stores};
use crate::support::world::{World, at, playbook};

use super::*;

/// The pages over the installation of a story, at noon of 5 March 2026.
pub(super) fn site(world: &World) -> Site {
    let state = WebState::new(world.shared(), Clock::Fixed(at("2026-03-05T12:00:00Z")));
    let state = state.keeping_answers_of(Duration::MAX);
    let store = world.store().clone();
    Site { router: router(Audience::Colleagues, state), pool: store.pool().clone(), store }
}

/// The addresses of all links on a page that begin like this, as a browser follows them.
pub(super) fn links(page: &Answer, begin: &str) -> Vec<String> {
    let links = page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let links = links.map(|link| link.replace("&amp;", "&").replace("&#39;", "'"));
    links.filter(|link| link.starts_with(begin)).collect()
}

#[track_caller]
fn lists(page: &Answer, names: &[&str]) {
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let rows = page.body.split("<th scope=\"row\">").skip(1);
    let found: Vec<&str> = rows.filter_map(|row| row.split('>').nth(1)?.split('<').next()).collect();
    assert_eq!(found, names);
}

on_both_stores!(accounts_are_listed_and_found, every_account_stands_on_one_page);

async fn accounts_are_listed_and_found(customers: Customers) {
    let world = World::on(customers).await;
    world.account("1", json!({ "name": "zebra", "csm_id": "mia", "tier": null })).await;
    world
        .account("22", json!({ "name": "Fjord", "mrr": 12500, "renewal_at": "2027-02-21T00:00:00Z" }))
        .await
        .account("33", json!({ "name": "alder", "csm_id": null }))
        .await;
    world.contact("1", "kim", json!({ "name": "Kim Hale", "email": "kim@odd.example" })).await;
    world.playbook(&playbook(
        "big",
        "when: account.mrr != none && account.mrr > 500",
        "  - task: { title: Call }\n  - task: { id: b, title: B }",
    ));
    world.run_at("2026-03-02T09:00:00Z").await;
    let site = site(&world);
    let all = site.get("/accounts").await;
    lists(&all, &["alder", "Fjord", "zebra"]);
    all.shows("<a href=\"/accounts/22\">Fjord</a> <span class=\"quiet\">22</span>");
    all.shows(
        "<td data-label=\"MRR\" class=\"number\">12,500</td>\n    <td data-label=\"Renewal\">21 February 2027</td>",
    );
    all.shows("<td data-label=\"Open tasks\" class=\"number\">2</td>");
    all.shows("<td data-label=\"Tier\">–</td>");
    all.shows("<a href=\"/accounts?csm=mia\">mia</a>");
    all.shows("<a href=\"/accounts\" aria-current=\"page\">Accounts</a>");
    assert!(!all.body.contains("Next page"));

    for words in ["FJO", "%20fjord%20", "22", "ord"] {
        lists(&site.get(&format!("/accounts?q={words}")).await, &["Fjord"]);
    }
    for words in ["kim@ODD", "kim+hale"] {
        let found = site.get(&format!("/accounts?q={words}")).await;
        lists(&found, &["zebra"]);
        found.shows("<span class=\"line\">Kim Hale, kim@odd.example</span>");
    }
    lists(&site.get("/accounts?q=&csm=").await, &["alder", "Fjord", "zebra"]);
    // No character has a meaning of its own.
    for words in ["%25", "_", "%5C", "f.*d", "%27"] {
        let none = site.get(&format!("/accounts?q={words}")).await;
        lists(&none, &[]);
        none.shows("No account fits.");
    }

    lists(&site.get("/accounts?csm=mia").await, &["zebra"]);
    lists(&site.get("/accounts?csm=sam").await, &["Fjord"]);
    lists(&site.get("/accounts?csm=sam&q=zeb").await, &[]);
    let nobodys = site.get("/accounts?csm=unassigned").await;
    lists(&nobodys, &["alder"]);
    nobodys.shows("<option value=\"unassigned\" selected>");
    let unknown = site.get("/accounts?csm=who").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    unknown.shows("There is no such colleague.");
    assert_eq!(site.get("/accounts?q=a&q=b").await.status, StatusCode::BAD_REQUEST);
}

/// Names that are the same, blank ones among them, follow each other by id.
async fn every_account_stands_on_one_page(customers: Customers) {
    let world = World::on(customers).await;
    let (table, id, name, owner) = match customers {
        Customers::Default => ("customers.accounts", "id", "name", "csm_id"),
        Customers::Theirs => ("crm.companies", "company_id", "title", "owner"),
    };
    let signed_up = if customers == Customers::Default { ", signed_up_at" } else { ", since" };
    world
        .sql(&format!(
            "insert into {table} ({id}, {name}, {owner}{signed_up})
             select n{cast}, case n % 4 when 0 then '' when 1 then 'Same' else 'Name & ' || n end,
                 case when n <= 90 then 'sam' end, '2026-01-01'
             from generate_series(1, 130) n",
            cast = if customers == Customers::Default { "::text" } else { "" },
        ))
        .await;
    let site = site(&world);
    for (first, expected) in [("/accounts", 130), ("/accounts?csm=sam", 90), ("/accounts?q=name", 65)] {
        let mut seen = Vec::new();
        let mut next = Some(first.to_owned());
        while let Some(path) = next {
            let page = site.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            seen.push(links(&page, "/accounts/"));
            next = page.body.contains("rel=\"next\"").then(|| {
                let mut next = links(&page, "/accounts?");
                next.pop().expect("the last link leads on")
            });
            assert_eq!(path != first, page.body.contains("First page"), "{path}");
        }
        assert!(seen[..seen.len() - 1].iter().all(|page| page.len() == 50), "{first}");
        let mut all = seen.concat();
        assert_eq!(all.len(), expected, "{first}");
        all.sort();
        all.dedup();
        assert_eq!(all.len(), expected, "{first}: none stands twice");
    }
    // Whoever followed a link to a place that is gone is not lost.
    let gone = site.get("/accounts?from=zzzz&after=999").await;
    gone.shows("There are no more accounts.");
    gone.shows("First page");
}
