//! `keepwell answers`: what people answered to surveys, and `answers tag`.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::database::{Database, configuration};
use super::{Global, output};
use crate::clock::Clock;
use crate::playbook::document::SURVEY_WORD;
use crate::store::customers::data_subject::Person;
use crate::store::messages::answer_row::AnswerRow;
use crate::store::messages::feedback::{AnswerFilter, LONGEST_TAG, TagDeed, read_tag};
use crate::web::{ANSWER_COLUMNS, answers_csv};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    command: Option<AnswersCommand>,
    /// Only of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only to this survey.
    #[arg(long)]
    survey: Option<String>,
    /// Only with this tag.
    #[arg(long)]
    tag: Option<String>,
    /// At most so many, the latest of them; all when absent.
    #[arg(long)]
    limit: Option<i64>,
    #[arg(long, value_enum, default_value_t = AnswersFormat::Human)]
    format: AnswersFormat,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AnswersFormat {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// For a spreadsheet.
    Csv,
}

/// What a person does with an answer.
#[derive(Debug, Subcommand)]
enum AnswersCommand {
    /// Put a tag on an answer, by which it is found again.
    Tag {
        #[arg(value_parser = super::id)]
        id: Uuid,
        tag: String,
        /// Take it off.
        #[arg(long)]
        remove: bool,
    },
}

pub async fn run(global: &Global, options: &Options) -> anyhow::Result<ExitCode> {
    if let Some(AnswersCommand::Tag { id, tag, remove }) = &options.command {
        let deed = if *remove { TagDeed::Remove } else { TagDeed::Add };
        return tag_answer(global, *id, tag, deed).await;
    }
    let database = Database::open_customers(global, 2).await?;
    let answer = find(&database, options).await;
    database.close().await;
    let answers = answer?;
    let rows = || answers.iter().map(AnswerRow::to_json);
    match options.format {
        AnswersFormat::Json => output::json(&json!({ "answers": rows().collect::<Vec<_>>() })),
        AnswersFormat::Csv => output::document(&answers_csv(&answers)),
        AnswersFormat::Human => output::table(&rows().map(with_one_line_of_tags).collect::<Vec<_>>(), &ANSWER_COLUMNS),
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(database: &Database, options: &Options) -> anyhow::Result<Vec<AnswerRow>> {
    let store = &database.store;
    let filter = AnswerFilter {
        account: options.account.clone(),
        survey: options.survey.clone(),
        tag: options.tag.clone(),
        limit: options.limit,
    };
    let rows = store.list_answers(&filter).await?;
    // A list that is empty because of a typo would be believed.
    if rows.is_empty()
        && let Some(survey) = &options.survey
        && !store.published().await?.iter().any(|known| known.kind == SURVEY_WORD && known.id == *survey)
        && !store.has_answers(survey).await?
    {
        anyhow::bail!("there is no survey `{survey}`");
    }
    if rows.is_empty()
        && let Some(account) = &options.account
        && !store.knows(&Person::new(account, None)).await?
    {
        anyhow::bail!("nothing is known of an account `{account}`");
    }
    Ok(rows)
}

async fn tag_answer(global: &Global, id: Uuid, tag: &str, deed: TagDeed) -> anyhow::Result<ExitCode> {
    let Some(tag) = read_tag(tag) else {
        anyhow::bail!("a tag is a word or a few, without a comma, of at most {LONGEST_TAG} characters");
    };
    let webhook = configuration(global)?.answers_webhook;
    let database = Database::open(global, 1).await?;
    let (by, now) = (global.actor_name(), Clock::System.now());
    let tags = database.store.tag_answer(id, tag, deed, crate::ids::Actor(&by), webhook.as_deref(), now).await;
    database.close().await;
    match tags? {
        Some(tags) if tags.is_empty() => say!("answer {id}: no tags"),
        Some(tags) => say!("answer {id}: {}", tags.join(", ")),
        None => anyhow::bail!("there is no answer {id}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// An answer with its tags as one text.
fn with_one_line_of_tags(mut row: Json) -> Json {
    let tags: Vec<&str> = row["tags"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    row["tags"] = if tags.is_empty() { Json::Null } else { tags.join(", ").into() };
    row
}
