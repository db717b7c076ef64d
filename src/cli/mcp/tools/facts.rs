//! `facts`: everything that conditions can ask.

use crate::cli::facts;
use crate::cli::mcp::arguments::Parameter;
use crate::cli::mcp::tool::Tool;

pub const TOOL: Tool = Tool {
    name: "facts",
    title: "What conditions can ask",
    about: "Every column, method and function that expressions can use, with types, meaning and examples: the answer \
            of `keepwell facts --format json`.",
    parameters: &[Parameter::flag(
        "store",
        "Of the customer store in the database, with its own columns and the names of events, scores and attributes \
         that were seen there, instead of the default store's.",
    )],
    answers: &[("facts", "array")],
    writes: false,
    call: |workplace, arguments| Box::pin(facts::answer(&workplace.global, arguments.flag("store"))),
};
