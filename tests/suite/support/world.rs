//! A small customer base on a real Postgres, a folder of playbooks, and a
//! clock that stands where the story wants it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use keepwell::catalog;
use keepwell::clock::Instant;
use keepwell::config::Config;
use keepwell::delivery::http::{Http, HttpTimers};
use keepwell::delivery::{Channel, Relay, RelayUrl, Timers};
use keepwell::enrollment::move_revision::{Place, Say};
use keepwell::ids::{Actor, Word};
use keepwell::playbook::calendar::Calendar;
use keepwell::playbook::source::{SourceFile, SourceSet};
use keepwell::store::Store;
use keepwell::store::runs::parse_run_id;
use keepwell::store::runs::playbooks::Missing;
use keepwell::store::runs::releases::{ReleaseAnswer, ReleasePace};
use keepwell::store::tasks::manual_changes::{TaskDeed, UNDO_FOR};
use keepwell::store::upkeep::stopped::StopTarget;
use keepwell::store::views::cli::Filter;
use keepwell::worker::enrollments::mover::{self, Done, Shown};
use keepwell::worker::runs::plan::{self, Plan, Rendering};
use keepwell::worker::runs::publisher::{self, Files, Report};
use keepwell::worker::runs::scheduler;
use keepwell::worker::{Compiled, Domains, Pace, RunCapacity, Shared, UnderWay, pass};
use serde_json::{Value as Json, json};
use sqlx::AssertSqlSafe;

use super::database;
use super::mapped::{self, Customers};
use super::rows::instant;
pub use super::rows::lines;
use super::smtp::{Accepted, Script, Server};

/// More passes than this at one instant means that something never ends.
const MOST_PASSES: usize = 100;

/// An instant as stories write it.
pub fn at(text: &str) -> Instant {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no instant"))
}

/// A playbook that is due once a year, so that only manual runs enroll.
pub fn playbook(id: &str, keys: &str, steps: &str) -> String {
    scheduled(id, "0 9 1 1 *", keys, steps)
}

/// A playbook with a schedule of its own.
pub fn scheduled(id: &str, schedule: &str, keys: &str, steps: &str) -> String {
    format!("playbook: {id}\nabout: A story.\nschedule: \"{schedule}\"\n{keys}\nsteps:\n{steps}\n")
}

/// Environment variables of a story.
type Variables = Arc<Mutex<HashMap<String, String>>>;

pub struct World {
    pub shared: Arc<Shared>,
    pub server: Option<Server>,
    files: Files,
    variables: Variables,
    /// Whether this story is about a file with mistakes.
    broken: AtomicBool,
    /// Whether it takes files away.
    sweeping: AtomicBool,
    customers: Customers,
}

impl World {
    /// Mail is captured; alerts go to `ops@acme.example`; there is a CSM `sam`
    /// whose manager is `mia`.
    pub async fn new() -> World {
        World::with("").await
    }

    /// The same with keys of the configuration.
    pub async fn with(config: &str) -> World {
        World::build(config, None).await
    }

    /// The same with a mail server that does as it is told.
    pub async fn over_smtp(config: &str, script: Script) -> World {
        World::build(config, Some(Server::start(script))).await
    }

    /// The same with the customers where a test wants them; an account's id in tables of theirs is a number.
    pub async fn on(customers: Customers) -> World {
        World::placed("", None, customers).await
    }

    async fn build(config: &str, server: Option<Server>) -> World {
        World::placed(config, server, Customers::Default).await
    }

    async fn placed(config: &str, server: Option<Server>, customers: Customers) -> World {
        // Stories are about one thing each: those about the budget give one.
        let budget = if config.contains("budget:") { "" } else { "budget: off\n" };
        // Nobody is there to look at a new playbook, or at a company of six, but where a story is about that.
        let guardrails = "guardrails: { first_run: go, hold_above: { count: 25, share: 2% } }\n";
        let first = if config.contains("guardrails:") { "" } else { guardrails };
        let store = if customers == Customers::Theirs { mapped::STORE } else { "" };
        let text = format!("alerts_to: ops@acme.example\n{budget}{first}{config}{store}");
        let file = SourceFile { path: "keepwell.yaml".into(), text: text.as_str().into() };
        let (mut config, problems) = Config::parse(&file);
        assert!(problems.is_empty(), "{problems:#?}");
        // In small worlds much has never happened: those about it say `unseen: hold`.
        config.guardrails.hold_unseen.get_or_insert(false);
        config.mail.public_url.get_or_insert_with(|| "https://success.acme.example".to_owned());
        let channel = match &server {
            None => Channel::Captured,
            Some(server) => {
                let url = RelayUrl::parse(&format!("smtp://{}?tls=none", server.address)).unwrap();
                // Two are enough, unless the story says otherwise.
                let sessions = if text.contains("connections:") { config.mail.connections } else { 2 };
                Channel::Smtp(Box::new(Relay::new(url, sessions, Timers::default(), &[]).unwrap()))
            }
        };
        let database = database::fresh_from("migrated", async |pool| {
            let store = Store::connect((*pool.connect_options()).clone(), 2);
            store.migrate().await.expect("the migrations run");
            store.close().await;
        })
        .await;
        let variables: Variables = Arc::default();
        let store = Store::connect(database.options.clone(), 5);
        if customers == Customers::Theirs {
            mapped::create(store.pool(), "bigint").await;
        }
        let relations = mapped::opened(&store, &config.store).await;
        let world = World {
            variables: variables.clone(),
            shared: Arc::new(Shared {
                runs: RunCapacity::new(&store),
                store: store.with_relations(relations),
                calendar: Calendar { holidays: config.holidays.clone() },
                channel,
                http: Http::new(HttpTimers::default(), &[]).unwrap(),
                variables: {
                    let variables = variables.clone();
                    Arc::new(move |name: &str| variables.lock().unwrap().get(name).cloned())
                },
                compiled: Compiled::default(),
                pace: Pace::default(),
                domains: Domains::default(),
                under_way: UnderWay::default(),
                operator: "tester".to_owned(),
                public_url: config.customers_url(),
                config,
            }),
            server,
            files: folders(),
            broken: AtomicBool::new(false),
            sweeping: AtomicBool::new(false),
            customers,
        };
        world.csm("mia", json!({})).await;
        world.csm("sam", json!({ "manager_id": "mia" })).await;
        world
    }

    /// The same installation for another worker, on a store of its own; mail is
    /// captured.
    pub fn beside(&self, store: Store) -> Shared {
        let shared = &self.shared;
        Shared {
            runs: RunCapacity::new(&store),
            store: store.with_relations(shared.store.relations().clone()),
            config: shared.config.clone(),
            calendar: Calendar { holidays: shared.config.holidays.clone() },
            channel: Channel::Captured,
            http: Http::new(HttpTimers::default(), &[]).unwrap(),
            variables: shared.variables.clone(),
            compiled: Compiled::default(),
            pace: Pace::default(),
            domains: Domains::default(),
            under_way: UnderWay::default(),
            operator: "tester".to_owned(),
            public_url: shared.public_url.clone(),
        }
    }

    /// Sets an environment variable, as far as the workers see it.
    pub fn variable(&self, name: &str, value: &str) -> &World {
        self.variables.lock().unwrap().insert(name.to_owned(), value.to_owned());
        self
    }

    /// Puts the file of a playbook or document in its folder, or changes it; it is published by
    /// the next pass.
    pub fn playbook(&self, text: &str) -> &World {
        std::fs::write(self.file(&id_of(text)), text).unwrap();
        self
    }

    /// Takes a playbook's file away, and means it.
    pub fn remove(&self, id: &str) {
        self.sweeping.store(true, Ordering::Relaxed);
        std::fs::remove_file(self.file(id)).unwrap();
    }

    /// Puts a script module in its folder, or changes it.
    pub fn script(&self, module: &str, text: &str) {
        std::fs::write(self.files.scripts.join(format!("{module}.rhai")), text).unwrap();
    }

    fn file(&self, id: &str) -> PathBuf {
        self.files.playbooks.join(format!("{id}.yaml"))
    }

    /// An account of CSM `sam` in tier A, since January, unless told otherwise.
    pub async fn account(&self, id: &str, columns: Json) -> &World {
        let usual = json!({ "id": id, "name": id.to_uppercase(), "tier": "A", "status": "active", "csm_id": "sam",
            "mrr": 100, "signed_up_at": "2026-01-01T00:00:00Z", "traits": {} });
        self.insert("accounts", usual, columns).await;
        self
    }

    /// A champion with an address, unless told otherwise.
    pub async fn contact(&self, account: &str, id: &str, columns: Json) -> &World {
        let usual = json!({ "account_id": account, "id": id, "email": format!("{id}@{account}.example"), "name": id,
            "role": "champion", "created_at": "2026-01-01T00:00:00Z", "traits": {} });
        self.insert("contacts", usual, columns).await;
        self
    }

    /// An account with the champion `ann`.
    pub async fn customer(&self, id: &str) -> &World {
        self.account(id, json!({})).await;
        self.contact(id, "ann", json!({})).await
    }

    pub async fn csm(&self, id: &str, columns: Json) -> &World {
        let usual = json!({ "id": id, "name": id, "email": format!("{id}@acme.example"), "traits": {} });
        self.insert("csms", usual, columns).await;
        self
    }

    pub async fn event(&self, account: &str, name: &str, when: &str) -> &World {
        let usual = json!({ "account_id": account, "id": serial(), "name": name, "at": when, "properties": {} });
        self.insert("events", usual, json!({})).await;
        self
    }

    /// An event of a contact.
    pub async fn event_of(&self, account: &str, contact: &str, name: &str, when: &str) -> &World {
        let usual = json!({ "account_id": account, "id": serial(), "name": name, "at": when, "properties": {} });
        self.insert("events", usual, json!({ "contact_id": contact })).await;
        self
    }

    pub async fn score(&self, account: &str, name: &str, value: f64, when: &str) -> &World {
        let usual = json!({ "account_id": account, "id": serial(), "name": name, "value": value, "at": when });
        self.insert("scores", usual, json!({})).await;
        self
    }

    async fn insert(&self, table: &str, mut row: Json, columns: Json) {
        if let (Some(row), Json::Object(columns)) = (row.as_object_mut(), columns) {
            row.extend(columns);
        }
        let (table, row) = match self.customers {
            Customers::Default => (format!("customers.{table}"), row),
            Customers::Theirs => mapped::row(table, &row),
        };
        let sql = format!("insert into {table} select * from jsonb_populate_record(null::{table}, $1)");
        let done = sqlx::query(AssertSqlSafe(sql)).bind(&row).execute(self.store().pool()).await;
        done.unwrap_or_else(|error| panic!("{table} {row}: {error}"));
    }

    pub async fn sql(&self, sql: &str) -> &World {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(self.store().pool()).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
        self
    }

    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// What `run --once --at INSTANT` does.
    pub async fn run_at(&self, when: &str) -> &World {
        self.publish_at(when).await;
        scheduler::manual(&self.shared, at(when)).await.unwrap();
        self.pass_until_done(at(when)).await;
        self
    }

    /// What `plan` says about a playbook's file as it stands.
    pub async fn plan(&self, id: &str, slot: Instant) -> Plan {
        self.plans(&[id], slot).await.remove(0)
    }

    /// The same of several at one slot.
    pub async fn plans(&self, ids: &[&str], slot: Instant) -> Vec<Plan> {
        let all = SourceSet::read(std::slice::from_ref(&self.files.playbooks), &self.files.scripts);
        let name = |file: &SourceFile| Path::new(&*file.path).file_stem().unwrap().to_str().unwrap().to_owned();
        let files: Vec<String> = all.playbooks.iter().map(name).collect();
        let place = |id: &String| ids.iter().position(|wanted| wanted == id);
        let mut wanted: Vec<_> =
            all.playbooks.into_iter().filter_map(|file| Some((place(&name(&file))?, file))).collect();
        wanted.sort_by_key(|(place, _)| *place);
        let playbooks = wanted.into_iter().map(|(_, file)| file).collect();
        let sources = SourceSet { playbooks, scripts: all.scripts, ..SourceSet::default() };
        let (ready, _) = catalog::load(&sources, &[], &self.shared.config, self.shared.store.schema());
        let ready = ready.into_iter().map(|one| Arc::into_inner(one).expect("it is ours alone")).collect();
        plan::plan_all(&self.shared, ready, Some(&files), slot, Rendering::default()).await.unwrap()
    }

    /// What `run --once` does when the clock shows this instant.
    pub async fn pass_at(&self, when: &str) -> &World {
        self.publish_at(when).await;
        self.pass_until_done(at(when)).await;
        self
    }

    /// What its workers share.
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Where the files are.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Publishes the files as they stand.
    pub async fn publish_at(&self, when: &str) -> Report {
        let sweeping = self.sweeping.load(Ordering::Relaxed);
        let missing = if sweeping { Missing::Meant } else { Missing::Doubted };
        let report = publisher::publish(&self.shared, &self.files, missing, at(when)).await.unwrap();
        let errors: Vec<_> = report.diagnostics.iter().filter(|problem| problem.is_error()).collect();
        assert!(errors.is_empty() || self.broken.load(Ordering::Relaxed), "{errors:#?}");
        report
    }

    /// From now on the files may have mistakes.
    pub fn expect_mistakes(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    async fn pass_until_done(&self, now: Instant) {
        for _ in 0..MOST_PASSES {
            if pass(&self.shared, now).await.unwrap() == 0 {
                return;
            }
        }
        panic!("something is due again and again at {now}");
    }

    /// From now on the mail server does this, on new connections.
    pub async fn server_does(&self, script: Script) {
        self.server.as_ref().expect("the story has a mail server").set(script);
        if let Channel::Smtp(relay) = &self.shared.channel {
            relay.close_idle().await;
        }
    }

    /// What the mail server has accepted.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.server.as_ref().expect("the story has a mail server").accepted()
    }

    pub async fn stop(&self, target: StopTarget, when: &str) {
        self.store().stop(&target, Actor("a test"), None, at(when)).await.unwrap();
    }

    pub async fn resume(&self, target: StopTarget) {
        assert!(
            self.store().resume(&target, Actor("a test"), at("2026-03-02T09:00:00Z")).await.unwrap(),
            "it was stopped"
        );
    }

    pub async fn approve(&self, run: &str, when: &str) -> ReleaseAnswer {
        let (playbook, slot) = parse_run_id(run).expect("a run's name");
        self.store()
            .approve_run(&playbook, slot, ReleasePace::Ramp, Word::new(Actor("a test"), at(when)))
            .await
            .unwrap()
    }

    pub async fn discard(&self, run: &str, when: &str) -> ReleaseAnswer {
        let (playbook, slot) = parse_run_id(run).expect("a run's name");
        self.store().discard_run(&playbook, slot, Word::new(Actor("a test"), at(when))).await.unwrap()
    }

    /// What `keepwell move` shows, with steps that lead elsewhere as `OLD=NEW`.
    pub async fn show_move(&self, playbook: &str, map: &[&str], when: &str) -> anyhow::Result<Shown> {
        let place = |text: &&str| {
            let (old, new) = text.split_once('=').expect("OLD=NEW");
            (old.to_owned(), if new == "end" { Place::End } else { Place::Step(new.to_owned()) })
        };
        mover::show(&self.shared, playbook, &map.iter().map(place).collect(), word(when)).await
    }

    /// Does what was shown.
    pub async fn carry_out(&self, shown: &Shown, when: &str) -> Done {
        mover::carry_out(&self.shared, shown, word(when)).await.unwrap()
    }

    /// Completes the only open task of a step, so that what follows comes then.
    pub async fn done(&self, step: &str, outcome: Option<&str>, when: &str) {
        let tasks = self.tasks().await;
        let open: Vec<&Json> = tasks.iter().filter(|task| task["step"] == step && task["state"] == "open").collect();
        assert_eq!(open.len(), 1, "one open task of {step}: {tasks:#?}");
        let id = open[0]["id"].as_str().unwrap().parse().unwrap();
        let deed = TaskDeed::Complete { outcome: outcome.map(Into::into) };
        self.store().act_on_task(id, &deed, Actor("a person"), at(when) - UNDO_FOR).await.unwrap();
    }

    pub async fn enrollments(&self) -> Vec<Json> {
        self.store().list_enrollments(&Filter::default()).await.unwrap()
    }

    pub async fn tasks(&self) -> Vec<Json> {
        self.store().list_tasks(&Filter::default()).await.unwrap()
    }

    /// Mails and notices.
    pub async fn messages(&self) -> Vec<Json> {
        self.store().list_messages(&Filter::default()).await.unwrap()
    }

    /// Mails to customers.
    pub async fn mails(&self) -> Vec<Json> {
        self.messages().await.into_iter().filter(|message| message["channel"] == "email").collect()
    }

    /// Words to colleagues.
    pub async fn notices(&self) -> Vec<Json> {
        self.messages().await.into_iter().filter(|message| message["channel"] == "notice").collect()
    }

    /// Messages of one channel.
    pub async fn channel(&self, channel: &str) -> Vec<Json> {
        self.messages().await.into_iter().filter(|message| message["channel"] == channel).collect()
    }

    pub async fn runs(&self) -> Vec<Json> {
        self.store().list_runs(&Filter::default()).await.unwrap()
    }

    /// The run of a playbook at a slot.
    pub async fn run(&self, playbook: &str, slot: &str) -> Json {
        let runs = self.runs().await;
        let found = runs.iter().find(|run| run["playbook"] == playbook && instant(&run["slot"]) == Some(at(slot)));
        found.unwrap_or_else(|| panic!("no run of {playbook} at {slot}: {runs:#?}")).clone()
    }

    /// What a message said.
    pub async fn text(&self, message: &Json) -> String {
        let text = sqlx::query_scalar("select coalesce(body_text, '') from keepwell.messages where id = $1::uuid");
        text.bind(message["id"].as_str()).fetch_one(self.store().pool()).await.unwrap()
    }
}

fn word(when: &str) -> Say<'static> {
    Say { by: "a test", because: "a better text", at: at(when) }
}

fn id_of(text: &str) -> String {
    catalog::claimed_id(text).expect("a story's file names itself")
}

fn folders() -> Files {
    let name = format!("world-{}-{}", std::process::id(), serial());
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let files = Files { playbooks: root.join("playbooks"), scripts: root.join("scripts") };
    std::fs::create_dir_all(&files.playbooks).unwrap();
    std::fs::create_dir_all(&files.scripts).unwrap();
    files
}

fn serial() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed).to_string()
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(root) = self.files.playbooks.parent() {
            let _ = std::fs::remove_dir_all(root);
        }
    }
}
