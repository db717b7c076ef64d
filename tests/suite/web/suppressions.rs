//! The list of addresses that want no mail.

use keepwell::store::messages::suppressions::Suppression;
use keepwell::user::role::Role;

use super::*;

impl Site {
    pub(super) async fn recipients(&self) -> Vec<(String, serde_json::Value)> {
        sqlx::query_as("select address_hash, suppressed from keepwell.recipients order by 1")
            .fetch_all(&self.pool)
            .await
            .expect("the table is there")
    }
}

async fn suppress(site: &Site, address: &str, class: &str, source: &str) {
    site.store.suppress(address, Suppression { class, source }, now()).await.unwrap();
}

#[tokio::test]
async fn suppressions_say_why_since_when_and_by_whom() {
    let site = Site::filled().await;
    site.get("/suppressions").await.shows("Every address gets all mail.");
    suppress(&site, "dead@fjord.example", "all", "bounce").await;
    suppress(&site, "kim@fjord.example", "marketing", "unsubscribe").await;
    // What the deliverer keeps of a contact's address.
    let hash = site.store.address_hash("kim@fjord.example").await.unwrap();
    sqlx::query(
        "insert into keepwell.contact_addresses (account_id, contact_id, address_hash) values ('a-1', 'kim', $1)",
    )
    .bind(&hash)
    .execute(&site.pool)
    .await
    .unwrap();
    let page = site.get("/suppressions").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.shows("Mail came back: there is no such mailbox");
    page.shows("<b>Marketing mail</b>: Its reader unsubscribed, since 2 Mar 2026, 12:00");
    page.shows("kim, Fjord &lt;b&gt;&amp; Sons&lt;/b&gt;");
    assert!(!page.body.contains("kim@fjord.example"), "addresses are kept as hashes");

    let found = site.get("/suppressions?address=+Kim%40Fjord.example").await;
    found.shows("Its reader unsubscribed");
    assert!(!found.body.contains("<b>Every mail</b>"));
    site.get("/suppressions?address=ann%40fjord.example").await.shows("This address gets all mail.");
    let bounced = site.get("/suppressions?source=bounce").await;
    bounced.shows("<b>Every mail</b>");
    assert!(!bounced.body.contains("<b>Marketing mail</b>"));
}

#[tokio::test]
async fn an_operator_suppresses_an_address_and_lifts_it() {
    let site = Site::filled().await;
    let dana = site.user("dana", Role::Operator, None).await;
    let wrong = site.with_cookie("POST", "/suppressions", &dana, "address=kim&class=all").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    wrong.shows("value=\"kim\"");
    let form = "address=kim%40fjord.example&class=every";
    assert_eq!(site.with_cookie("POST", "/suppressions", &dana, form).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.recipients().await, []);

    let form = "address=kim%40fjord.example&class=lifecycle";
    let done = site.with_cookie("POST", "/suppressions", &dana, form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert!(site.store.is_suppressed("kim@fjord.example", "lifecycle").await.unwrap());
    let page = site.with_cookie("GET", done.header(header::LOCATION), &dana, "").await;
    page.shows("A colleague said so on this page (<a href=\"/audit?by=dana\">dana</a>), since 2 Mar 2026, 12:00");

    let hash = site.store.address_hash("kim@fjord.example").await.unwrap();
    let lift = format!("/suppressions/{hash}/lift");
    let other = site.with_cookie("POST", &lift, &dana, "class=all&source=page").await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    other.shows("nothing has changed");
    assert_eq!(
        site.with_cookie("POST", &lift, &dana, "class=lifecycle&source=page").await.status,
        StatusCode::SEE_OTHER
    );
    assert!(!site.store.is_suppressed("kim@fjord.example", "lifecycle").await.unwrap());
    let deeds: Vec<(String, String)> =
        sqlx::query_as("select by, deed from keepwell.audit where by = 'dana' order by n")
            .fetch_all(&site.pool)
            .await
            .unwrap();
    assert_eq!(deeds, ["suppress", "lift"].map(|deed| ("dana".to_owned(), deed.to_owned())));
}

#[tokio::test]
async fn a_long_list_of_suppressions_is_paged() {
    let site = Site::filled().await;
    sqlx::query(
        "insert into keepwell.recipients (address_hash, suppressed)
         select 'hash-' || lpad(n::text, 4, '0'), case when n <= 120 then jsonb_build_object('all',
             jsonb_build_object('at', '2026-02-01T00:' || lpad((n % 60)::text, 2, '0') || ':00Z', 'source', 'bounce')) else '{}' end
         from generate_series(1, 300) n",
    )
    .execute(&site.pool)
    .await
    .unwrap();
    let (mut seen, mut path) = (Vec::new(), Some("/suppressions?source=bounce".to_owned()));
    while let Some(at) = path.take() {
        let page = site.get(&at).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let hash = |row: &str| row.split("/lift").next().unwrap_or_default().to_owned();
        seen.extend(page.body.split("action=\"/suppressions/").skip(1).map(hash));
        path = page.next();
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), all), (120, 120));
}

/// What the reader says holds, whatever a colleague said before, and no click lifts it.
#[tokio::test]
async fn a_colleagues_word_never_stands_for_the_readers() {
    let site = Site::filled().await;
    let dana = site.user("dana", Role::Operator, None).await;
    let address = "kim@fjord.example";
    let hash = site.store.address_hash(address).await.unwrap();
    let lift = format!("/suppressions/{hash}/lift");
    let suppress = async |class: &str, source: &str| {
        let suppression = Suppression { class, source };
        site.store.suppress(address, suppression, now()).await.unwrap();
    };
    let form = "address=kim%40fjord.example&class=lifecycle";
    assert_eq!(site.with_cookie("POST", "/suppressions", &dana, form).await.status, StatusCode::SEE_OTHER);
    suppress("lifecycle", "unsubscribe").await;
    // The page that the operator still has says the colleague's word.
    let stale = site.with_cookie("POST", &lift, &dana, "class=lifecycle&source=page").await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert!(site.store.is_suppressed(address, "lifecycle").await.unwrap());
    for (class, source) in [("marketing", "complaint"), ("all", "erased")] {
        suppress(class, source).await;
        let lifted = site.with_cookie("POST", &lift, &dana, &format!("class={class}&source={source}")).await;
        assert_eq!(lifted.status, StatusCode::UNPROCESSABLE_ENTITY, "{source}");
    }
    // Nor does a colleague's word take the place of an erasure.
    let form = "address=kim%40fjord.example&class=all";
    assert_eq!(site.with_cookie("POST", "/suppressions", &dana, form).await.status, StatusCode::SEE_OTHER);
    let page = site.with_cookie("GET", "/suppressions?address=kim%40fjord.example", &dana, "").await;
    page.shows("Its owner’s data was erased");
    page.shows("Its reader unsubscribed");
    assert_eq!(page.body.matches("Lift it").count(), 1, "only the unsubscription");
}
