//! The page on which customers choose the kinds of mail they want.

use super::*;
use keepwell::store::messages::suppressions::Suppression;

async fn chosen(site: &Site) -> (bool, bool) {
    let suppressed = async |class| site.store.is_suppressed("kim@fjord.example", class).await.expect("an answer");
    (!suppressed("lifecycle").await, !suppressed("marketing").await)
}

#[tokio::test]
async fn customers_choose_by_kind() {
    let site = Site::empty().await;
    let token = site.store.unsubscribe_token("kim@fjord.example", "lifecycle").await.expect("a token");
    super::customers::contact(&site, Some("en"), "{\"consent\": true}").await;
    let path = format!("/p/{token}");
    site.get(&format!("/u/{token}")).await.shows(&format!("<a href=\"{path}\">"));
    for _ in 0..10 {
        let page = site.get(&path).await;
        page.shows("name=\"lifecycle\" value=\"yes\" checked");
        page.shows("name=\"marketing\" value=\"yes\" checked");
        assert!(!page.body.contains("saved") && !page.body.contains("fjord"));
    }
    assert_eq!(site.recipients().await, []);

    for (form, wanted) in [
        ("marketing=yes", (false, true)),
        ("marketing=yes", (false, true)),
        ("", (false, false)),
        ("lifecycle=yes&marketing=yes", (true, true)),
        ("lifecycle=yes", (true, false)),
    ] {
        let page = site.post(&path, &format!("asked=marketing&{form}")).await;
        assert_eq!(page.status, StatusCode::OK);
        page.shows("Your choice is saved.");
        assert_eq!(chosen(&site).await, wanted, "{form}");
        let shown = site.get(&path).await;
        assert_eq!(shown.body.matches(" checked").count(), usize::from(wanted.0) + usize::from(wanted.1), "{form}");
    }
    // One click in a mail program and the page say the same thing.
    site.post(&format!("/u/{token}"), "List-Unsubscribe=One-Click").await;
    assert_eq!(chosen(&site).await, (false, false));
}

#[tokio::test]
async fn what_others_have_decided_about_an_address_stays() {
    let site = Site::empty().await;
    let token = site.store.unsubscribe_token("kim@fjord.example", "marketing").await.expect("a token");
    let now = "2026-03-01T00:00:00Z".parse().expect("an instant");
    site.store.suppress("kim@fjord.example", Suppression { class: "all", source: "bounce" }, now).await.expect("done");
    let page = site.post(&format!("/p/{token}"), "asked=marketing&lifecycle=yes&marketing=yes").await;
    page.shows("we send nothing to this address");
    assert_eq!(chosen(&site).await, (false, false));
}

#[tokio::test]
async fn a_link_that_was_made_up_leads_nowhere() {
    let site = Site::empty().await;
    let token = site.store.unsubscribe_token("kim@fjord.example", "lifecycle").await.expect("a token");
    let (rest, signature) = token.rsplit_once('.').expect("three parts");
    let first = if rest.starts_with('0') { '1' } else { '0' };
    for forged in [format!("{first}{}.{signature}", &rest[1..]), format!("{rest}.00"), "x".to_owned()] {
        for answer in [site.get(&format!("/p/{forged}")).await, site.post(&format!("/p/{forged}"), "").await] {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{forged}");
            answer.shows("Nothing about your emails has been changed.");
        }
    }
    assert_eq!(site.recipients().await, []);
}
