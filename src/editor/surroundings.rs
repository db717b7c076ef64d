//! What is known beside the text that is being written.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::script::{ScriptFunction, functions};
use crate::action;
use crate::catalog;
use crate::catalog::json_schema::Deployment;
use crate::config::{CONFIGURATION, Config, DEFAULT_FILE};
use crate::facts::{NameKind, Schema};
use crate::playbook::document::{SURVEY, claimed_kind};
use crate::playbook::form::PLAYBOOK;
use crate::playbook::reader::{Form, NameOf};
use crate::playbook::source::{ScriptFile, SourceFile, SourceSet};
use crate::playbook::yaml::Node;
use crate::playbook::{Playbook, Step, StepBody, SubjectKind};
use crate::rule::functions::global::KPI;

/// What is known beside the text that is being written.
#[derive(Debug)]
pub struct Surroundings {
    deployment: Deployment,
    schema: Schema,
    config: Config,
    scripts: Vec<ScriptFile>,
    playbooks: Vec<SourceFile>,
    labels: BTreeSet<String>,
}

impl Surroundings {
    /// What these files, the configuration and the store say.
    pub fn new(sources: &SourceSet, config: Config, schema: Schema) -> Surroundings {
        let deployment = Deployment::new(sources, &config, schema);
        let schema = deployment.schema().clone();
        let (scripts, playbooks) = (sources.scripts.clone(), sources.playbooks.clone());
        let labels = labels(sources, &config);
        Surroundings { deployment, schema, config, scripts, playbooks, labels }
    }

    /// The columns that can be asked for.
    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(super) fn seasons(&self) -> impl Iterator<Item = &str> {
        self.config.seasons.names()
    }

    /// The names of a kind that are known in the installation.
    pub(super) fn names(&self, of: NameOf) -> Vec<String> {
        self.deployment.names(of)
    }

    pub(super) fn describe(&self, of: NameOf, name: &str) -> Option<String> {
        self.deployment.describe(of, name)
    }

    /// The names that the store was seen to hold, the most frequent first.
    pub(super) fn frequent_names(&self, kind: NameKind) -> Vec<String> {
        self.schema.inventory.frequent_names(kind)
    }

    /// The script modules, by name.
    pub(super) fn modules(&self) -> impl Iterator<Item = &str> {
        self.scripts.iter().map(|script| script.module.as_str())
    }

    /// The module that a script file is.
    pub(super) fn module_of(&self, path: &str) -> Option<&str> {
        self.scripts.iter().find(|script| *script.path == *path).map(|script| script.module.as_str())
    }

    /// The functions of a script module.
    pub(super) fn functions(&self, module: &str) -> Vec<ScriptFunction> {
        self.scripts
            .iter()
            .filter(|script| script.module == module)
            .flat_map(|script| functions(&script.text))
            .collect()
    }

    /// One of them, with its script.
    pub(super) fn function(&self, module: &str, name: &str) -> Option<(&ScriptFile, ScriptFunction)> {
        let scripts = self.scripts.iter().filter(|script| script.module == module);
        let mut all =
            scripts.flat_map(|script| functions(&script.text).into_iter().map(move |function| (script, function)));
        all.find(|(_, function)| function.name == name)
    }

    /// The file of the playbook with an id.
    pub(super) fn file_of(&self, id: &str) -> Option<&SourceFile> {
        self.playbooks.iter().find(|file| catalog::claimed_id(&file.text).is_some_and(|known| known == id))
    }

    /// The ids of the KPIs that documents make.
    pub(super) fn kpis(&self) -> Vec<String> {
        let is_kpi = |file: &&SourceFile| claimed_kind(&file.text).is_some_and(|kind| kind.word == KPI);
        self.playbooks.iter().filter(is_kpi).filter_map(|file| catalog::claimed_id(&file.text)).collect()
    }

    /// The labels that the steps of any playbook set.
    pub(super) fn labels(&self) -> &BTreeSet<String> {
        &self.labels
    }
}

/// The labels that the steps of these files set, as far as they can be told.
fn labels(sources: &SourceSet, config: &Config) -> BTreeSet<String> {
    let sandbox = catalog::modules(sources, &mut Vec::new()).sandbox(&config.seasons);
    let mut labels = BTreeSet::new();
    for draft in sources.playbooks.iter().filter_map(|file| catalog::draft(file, &mut Vec::new())) {
        for (step, body) in actions(&draft.playbook) {
            labels.extend(action::kind(&step.kind).and_then(|kind| kind.labels(body, &sandbox)).into_iter().flatten());
        }
    }
    labels
}

/// A file that is being written, as far as it can be read around a place.
pub(super) struct Written {
    pub form: &'static Form,
    playbook: Option<Playbook>,
}

impl Written {
    /// A file that is no playbook.
    pub fn nothing() -> Written {
        Written { form: &PLAYBOOK, playbook: None }
    }

    /// Reads a file; what cannot be read because of the line at a place is read
    /// without that line, or as it was on disk.
    pub fn read(file: &SourceFile, offset: usize, surroundings: &Surroundings) -> Written {
        if file.path.rsplit('/').next() == Some(DEFAULT_FILE) {
            return Written { form: &CONFIGURATION, playbook: None };
        }
        let text = &file.text;
        let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        let without: Arc<str> = format!("{}{}", &text[..start], &text[end..]).into();
        let stored = surroundings.playbooks.iter().find(|stored| stored.path == file.path);
        let texts = [Some(text.clone()), Some(without), stored.map(|stored| stored.text.clone())];
        let draft = texts
            .into_iter()
            .flatten()
            .find_map(|text| catalog::draft(&SourceFile { path: file.path.clone(), text }, &mut Vec::new()));
        let playbook = draft.map(|draft| draft.playbook);
        let of_playbook = match playbook.as_ref().and_then(|playbook| playbook.survey.as_ref()) {
            Some(_) => &SURVEY,
            None => &PLAYBOOK,
        };
        let form = claimed_kind(&file.text).map_or(of_playbook, |kind| kind.form);
        Written { form, playbook }
    }

    /// Whether it is for contacts.
    pub fn is_for_contacts(&self) -> bool {
        self.playbook.as_ref().is_some_and(|playbook| playbook.subject == SubjectKind::Contact)
    }

    /// Whether it is about all accounts together.
    pub fn is_for_portfolio(&self) -> bool {
        self.playbook.as_ref().is_some_and(|playbook| playbook.subject == SubjectKind::Portfolio)
    }

    /// Its steps with what each is, in words.
    pub fn steps(&self) -> Vec<&Step> {
        self.playbook.iter().flat_map(|playbook| Step::walk(&playbook.steps)).collect()
    }

    /// The steps that a function such as `done` can name, with the texts that it
    /// can give for them.
    pub fn named_by(&self, function: &str) -> Vec<(String, Vec<String>)> {
        let steps = self.playbook.iter().flat_map(actions);
        let named = steps.filter_map(|(step, body)| {
            let kind = action::kind(&step.kind)?;
            kind.form().functions.contains(&function).then(|| kind.named(&step.id, function, body, &[]))
        });
        named.map(|step| (step.id, step.texts)).collect()
    }

    /// The names of its cases.
    pub fn cases(&self) -> Vec<&str> {
        self.playbook.iter().flat_map(|playbook| &playbook.tests).map(|case| case.name.as_str()).collect()
    }

    pub fn id(&self) -> Option<&str> {
        self.playbook.as_ref().map(|playbook| playbook.id.as_str())
    }
}

fn actions(playbook: &Playbook) -> Vec<(&Step, &Node)> {
    let steps = Step::walk(&playbook.steps).into_iter();
    steps
        .filter_map(|step| match &step.body {
            StepBody::Action(body) => Some((step, body)),
            _ => None,
        })
        .collect()
}
