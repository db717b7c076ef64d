//! Roles as a CRM calls them: written in quotes, or with a name of the
//! configuration.

use sqlx::Executor;

use crate::support::database;
use crate::support::program::Home;

const SLOT: &str = "2026-03-03T09:00:00Z";

/// Two accounts whose buyer is an `Economic Buyer`; one has a champion, too.
async fn company(name: &str) -> Home {
    let database = database::fresh().await;
    database
        .pool()
        .await
        .execute(
            "insert into customers.accounts (id, name, tier, signed_up_at)
                 select 'a' || n, 'Account ' || n, 'A', '2026-01-01' from generate_series(1, 2) n;
             insert into customers.contacts (account_id, id, name, email, role, created_at)
                 select 'a' || n, 'buyer', 'Bo', 'bo' || n || '@customer.example', 'Economic Buyer', '2026-01-01'
                 from generate_series(1, 2) n;
             insert into customers.contacts (account_id, id, name, email, role, created_at)
                 values ('a1', 'champion', 'Cy', 'cy@customer.example', 'champion', '2026-01-01')",
        )
        .await
        .unwrap();
    let mut home = Home::new(name);
    home.set("DATABASE_URL", &database.url);
    home.write("keepwell.yaml", "web: off\nbudget: off\n");
    home
}

fn playbook(id: &str, rest: &str) -> String {
    format!("playbook: {id}\nabout: A.\nalerts_to: ops@example.com\nschedule: \"0 9 * * *\"\n{rest}")
}

fn mails(home: &Home) -> Vec<String> {
    let mails = home.rows(&["messages"]).into_iter().filter(|row| row["channel"] == "email");
    let mut mails: Vec<String> =
        mails.map(|row| format!("{} {}", row["playbook"], row["to"]).replace('"', "")).collect();
    mails.sort();
    mails
}

#[tokio::test]
async fn a_role_with_blanks_is_written_in_quotes() {
    let home = company("roles-in-quotes").await;
    let email = "subject: Hello, body: \"Good day\"";
    home.write(
        "playbooks/to.yaml",
        &playbook(
            "to",
            &format!(
                "when: account.contacts(\"Economic Buyer\") == 1 && account.contacts(\"champion\") == 1\n\
                 steps:\n  - email: {{ to: [champion, \"Economic Buyer\"], {email} }}\n  \
                 - run: |\n      email(#{{ to: \"Economic Buyer\", subject: \"Again\", body: \"Good day\" }});\n\
                 tests:\n  - name: both hear of it\n    at: 2026-03-03T09:00:00Z\n    account: {{ tier: A }}\n    \
                 expect:\n      - {{ after: 0d, email: email-1, to: champion }}\n      \
                 - {{ after: 0d, email: email-1, to: Economic Buyer }}\n      \
                 - {{ after: 0d, email: run-1, to: Economic Buyer }}\n"
            ),
        ),
    );
    home.write(
        "playbooks/each.yaml",
        &playbook(
            "each",
            &format!("for: contact\nwhen: contact.role == \"Economic Buyer\"\nsteps:\n  - email: {{ {email} }}\n"),
        ),
    );
    assert_eq!(home.done(&["check", "--format", "line"]).stdout, "");
    let done = home.done(&["run", "--once", "--at", SLOT]);
    assert_eq!(done.stdout, "runs 2, entered 3, held 0, mails 5, tasks 0, failed 0\n");
    assert_eq!(
        mails(&home),
        [
            "each bo1@customer.example",
            "each bo2@customer.example",
            "to bo1@customer.example",
            "to bo1@customer.example",
            "to cy@customer.example"
        ]
    );
    assert_eq!(
        home.done(&["run", "--once", "--at", SLOT]).stdout,
        "runs 0, entered 0, held 0, mails 0, tasks 0, failed 0\n"
    );

    // Whoever takes another word is told both ways.
    home.write(
        "playbooks/to.yaml",
        &playbook(
            "to",
            &format!("when: account.contacts(\"buyer\") > 0\nsteps:\n  - email: {{ to: owner, {email} }}\n"),
        ),
    );
    let checked = home.done(&["check", "--format", "line"]).stdout;
    let help = |name: &str| {
        format!(
            "no role `{name}` was ever seen; `Economic Buyer` was, 2 times; help: write \"Economic Buyer\" in quotes, or \
             say in the configuration what it is called in playbooks: `roles: {{ \"Economic Buyer\": {name} }}`"
        )
    };
    assert!(checked.contains(&help("owner")) && checked.contains(&help("buyer")), "{checked}");
}

#[tokio::test]
async fn a_role_has_the_name_that_the_configuration_gives_it() {
    let home = company("roles-by-name").await;
    home.write(
        "keepwell.yaml",
        "web: off\nbudget: off\nroles: { \"Economic Buyer\": owner }\nguardrails: { first_run: go }\n",
    );
    let cases = "tests:\n  - name: the owner hears of it\n    at: 2026-03-03T09:00:00Z\n    account: { tier: A }\n    \
                 contacts: [ { role: Economic Buyer, first_name: Bo } ]\n    \
                 expect: [ { after: 0d, email: email-1, to: owner, contains: Bo } ]\n";
    let text = "subject: \"Hello {{ recipient.name }}\", body: \"You are {{ recipient.role | default('?') }}\"";
    home.write(
        "playbooks/to.yaml",
        &playbook(
            "to",
            &format!(
                "when: account.contacts(\"owner\") == 1\nsteps:\n  - email: {{ to: owner, {} }}\n{cases}",
                text.replace('\'', "\\\"")
            ),
        ),
    );
    // The store's own word means the same in `to`.
    home.write(
        "playbooks/stored.yaml",
        &playbook(
            "stored",
            "when: account.tier == \"A\"\nsteps:\n  - email: { to: \"Economic Buyer\", subject: Hello, body: Day }\n",
        ),
    );
    home.write(
        "playbooks/each.yaml",
        &playbook(
            "each",
            "for: contact\nwhen: contact.role == \"owner\"\nsteps:\n  - email: { subject: Hello, body: Day }\n",
        ),
    );
    assert_eq!(home.done(&["check", "--format", "line"]).stdout, "");
    home.done(&["test"]);
    let listed = home.done(&["facts", "--store"]).stdout;
    assert!(listed.contains("roles: `owner` 2, `champion` 1"), "{listed}");
    let done = home.done(&["run", "--at", SLOT]);
    assert_eq!(done.stdout, "runs 3, entered 6, held 0, mails 6, tasks 0, failed 0\n");
    let all: Vec<String> =
        ["each", "stored", "to"].iter().flat_map(|id| [1, 2].map(|n| format!("{id} bo{n}@customer.example"))).collect();
    assert_eq!(mails(&home), all);

    // Elsewhere it is a text that nobody has any more.
    home.write(
        "playbooks/each.yaml",
        &playbook("each", "for: contact\nwhen: contact.role == \"Economic Buyer\" && account.contacts(\"Economic Buyer\") > 0\nsteps:\n  - email: { subject: Hello, body: Day }\n"),
    );
    let checked = home.done(&["check", "--format", "line"]).stdout;
    let warning = "warning[KW0104]: the role `Economic Buyer` of the store is called `owner` in playbooks; help: write \
                   \"owner\", as `roles:` of the configuration says";
    assert_eq!(checked.matches(warning).count(), 2, "{checked}");
}

#[test]
fn what_a_role_cannot_be_called_is_an_error() {
    let home = Home::new("roles-wrong");
    home.write("keepwell.yaml", "roles:\n  Economic Buyer: [owner]\n  \" \": owner\n  Buyer: \n");
    home.write("playbooks/a.yaml", &playbook("a", "when: account.mrr > 5\nsteps: [ { end: done } ]\n"));
    let checked = home.run(&["check", "--format", "line"]);
    let lines: Vec<&str> = checked.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{checked:?}");
    for (line, place) in lines.iter().zip(["keepwell.yaml:2:19:", "keepwell.yaml:3:8:", "keepwell.yaml:4:8:"]) {
        assert!(line.starts_with(place) && line.contains("needs its name in playbooks; help: write"), "{checked:?}");
    }
}
