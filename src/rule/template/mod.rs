//! Templates of mails, tasks and notices: compiled once, rendered many times.
//!
//! `split` takes the text apart, `compile` has each expression in it checked
//! and compiled as those of conditions are, and `render` prints what they give.
//! `filter` is what stands behind `|`, `tag` the keywords of `{% … %}`, `escape`
//! keeps printed values from becoming markup, and `placeholder` finds the braces
//! of other tools. There are no loops, and the operations of one rendering are counted
//! together.

mod compile;
mod escape;
mod filter;
mod node;
mod placeholder;
mod render;
mod split;
mod tag;

#[cfg(test)]
mod tests;

pub use compile::TemplateScope;
pub use escape::Escape;
pub use filter::FILTERS;
pub use node::Template;
pub use render::{RenderContext, RenderError};
