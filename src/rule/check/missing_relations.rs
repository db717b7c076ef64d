//! What the customer store lacks: a fact that needs it is refused, instead of
//! being answered from nothing.

use crate::facts::{Cell, CellPath, Schema, Standing, Subject};
use crate::rule::functions;
use crate::rule::holder::Person;

/// The code, what is wrong and what helps.
pub(crate) type MissingRelation = (&'static str, String, String);

/// Columns of other relations that change what a function means; `changes`
/// is a relation.
const MEANINGFUL: [&str; 9] = [
    "changes",
    "changes.was",
    "changes.became",
    "events.contact_id",
    "events.properties",
    "tickets.subject",
    "tickets.closed_at",
    "contacts.role",
    "contacts.left_at",
];

/// Why a cell cannot be answered, if the store lacks what it needs.
pub(crate) fn missing_for(cell: &Cell, schema: &Schema) -> Option<MissingRelation> {
    let absent = match &cell.path {
        // What is asked of each member is looked at there, and a figure is recorded in any case.
        CellPath::Column(_) | CellPath::Population(_) | CellPath::Kpi(_) => return None,
        CellPath::Ago { path, .. } => match &**path {
            CellPath::Call { .. } => {
                return missing_for(&Cell { subject: cell.subject, path: (**path).clone() }, schema);
            }
            // What documents find has a history of its own.
            CellPath::Column(name)
                if Standing::of_column(cell.subject, name)
                    .is_some_and(|standing| schema.found.contains_key(&standing) && schema.takes(standing)) =>
            {
                return None;
            }
            _ => match schema.absent.contains("changes") {
                true => Some("changes".to_owned()),
                false => schema.lacks("changes", "became").then(|| "changes.became".to_owned()),
            },
        },
        CellPath::Trait(_) => {
            let relation = match cell.subject {
                Subject::Account => "accounts",
                Subject::Contact => "contacts",
            };
            schema.lacks(relation, "traits").then(|| format!("{relation}.traits"))
        }
        CellPath::Call { function, args } => {
            let function = functions::find(function)?;
            let sql = function.sql(args);
            let pairs = functions::pair(function, args).unwrap_or_default();
            let of_row = functions::row_needs(&pairs).into_iter().map(|need| need.column());
            let of_row = of_row.filter(|_| sql.contains("{named "));
            let absent_column = of_row.filter_map(|column| {
                let relation = ["events", "tickets"].into_iter().find(|relation| reads(sql, relation))?;
                schema.lacks(relation, column).then(|| format!("{relation}.{column}"))
            });
            if let Some(absent) = absent_column.into_iter().next() {
                return Some(refusal(&cell.to_string(), &absent));
            }
            // A contact's own rows are found by this column alone.
            let owned = ["events", "scores", "tickets"].into_iter().find(|relation| {
                cell.subject == Subject::Contact && reads(sql, relation) && schema.lacks(relation, "contact_id")
            });
            if let Some(relation) = owned {
                return Some(refusal(&cell.to_string(), &format!("{relation}.contact_id")));
            }
            let needed = MEANINGFUL.iter().find(|needed| schema.absent.contains(**needed) && reads(sql, needed));
            needed.map(|needed| (*needed).to_owned())
        }
    }?;
    Some(refusal(&cell.to_string(), &absent))
}

/// Why an attribute of a person, written so, cannot be read.
pub(crate) fn missing_for_attribute(person: Person, text: &str, schema: &Schema) -> Option<MissingRelation> {
    let relation = match person {
        Person::Recipient => "contacts",
        Person::Csm => "csms",
    };
    schema.lacks(relation, "traits").then(|| refusal(text, &format!("{relation}.traits")))
}

fn refusal(fact: &str, absent: &str) -> MissingRelation {
    let message = format!("`{fact}` needs `{absent}`, which the customer store does not have");
    let help = match absent.split_once('.') {
        Some((relation, column)) => {
            format!("name the column in the configuration: `store: {{ {relation}: {{ columns: {{ {column}: … }} }} }}`")
        }
        None => format!("name the relation in the configuration: `store: {{ {absent}: {{ relation: … }} }}`"),
    };
    ("KW0214", message, help)
}

/// Whether the text of a function reads a relation, or a column of it.
fn reads(sql: &str, needed: &str) -> bool {
    let (relation, column) = needed.split_once('.').unwrap_or((needed, ""));
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    sql.split(&format!("{{{relation}}} ")).skip(1).any(|rest| {
        let alias = format!("{}.", word(rest));
        column.is_empty() || sql.match_indices(&alias).any(|(at, _)| word(&sql[at + alias.len()..]) == column)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Arg;

    fn help_for(absent: &str, function: &'static str, args: Vec<Arg>) -> Option<String> {
        help_for_subject(Subject::Account, absent, function, args)
    }

    fn help_for_subject(subject: Subject, absent: &str, function: &'static str, args: Vec<Arg>) -> Option<String> {
        needs(subject, absent, CellPath::Call { function, args })
    }

    fn needs(subject: Subject, absent: &str, path: CellPath) -> Option<String> {
        let mut schema = Schema::default_store();
        schema.absent.insert(absent.to_owned());
        let cell = Cell { subject, path };
        missing_for(&cell, &schema).map(|(_, message, _)| message)
    }

    #[test]
    fn a_function_is_refused_for_what_it_reads_and_nothing_else() {
        let text = |word: &str| Arg::Text(word.to_owned());
        assert!(help_for("tickets.severity", "open_tickets", vec![text("urgent")]).is_some());
        assert!(help_for("tickets.severity", "open_tickets", vec![]).is_none());
        assert!(help_for("tickets.severity", "open_tickets", vec![text("any"), text("billing")]).is_none());
        assert!(help_for("tickets.topic", "open_tickets", vec![text("any"), text("billing")]).is_some());
        assert!(help_for("tickets.subject", "tickets_about", vec![text("export"), Arg::Int(30)]).is_some());
        assert!(help_for("tickets.closed_at", "open_tickets", vec![]).is_some());
        assert!(help_for("events.contact_id", "active_contacts", vec![Arg::Int(30)]).is_some());
        assert!(help_for("events.contact_id", "events", vec![text("login"), Arg::Int(30)]).is_none());
        assert!(help_for("events.properties", "event_sum", vec![text("pay"), text("sum"), Arg::Int(30)]).is_some());
        assert!(help_for("contacts.role", "contacts", vec![text("champion")]).is_some());
        assert!(help_for("scores.contact_id", "score", vec![text("nps")]).is_none());
        for (absent, function, args) in [
            ("scores.contact_id", "score", vec![text("nps")]),
            ("events.contact_id", "events", vec![text("login"), Arg::Int(30)]),
            ("tickets", "open_tickets", vec![]),
        ] {
            assert!(help_for_subject(Subject::Contact, absent, function, args).is_some(), "{absent}");
        }
        assert_eq!(
            help_for("changes", "days_since_change", vec![text("tier")]).as_deref(),
            Some("`account.days_since_change(\"tier\")` needs `changes`, which the customer store does not have")
        );
        for absent in ["changes.was", "changes.became"] {
            assert!(
                help_for(absent, "days_since_change", vec![text("tier")]).is_some_and(|told| told.contains(absent))
            );
        }
    }

    #[test]
    fn what_was_some_days_ago_needs_the_changes() {
        let help_ago = |absent: &str, path: &CellPath, ago| needs(Subject::Account, absent, path.clone().ago(ago));
        let column = CellPath::Column("mrr".to_owned());
        assert!(help_ago("changes", &column, None).is_none());
        assert!(help_ago("changes.became", &column, Some(30)).is_some_and(|told| told.contains("`changes.became`")));
        assert_eq!(
            help_ago("changes", &column, Some(30)).as_deref(),
            Some("`account.ago(30).mrr` needs `changes`, which the customer store does not have")
        );
        let call = CellPath::Call { function: "open_tickets", args: vec![] };
        assert!(help_ago("changes", &call, Some(30)).is_none());
        assert!(help_ago("tickets.closed_at", &call, Some(30)).is_some());
    }
}
