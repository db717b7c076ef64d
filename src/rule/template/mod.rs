//! Templates of mails, tasks and notices: compiled once, rendered many times.
//!
//! `split` takes the text apart, `compile` makes a [`Template`] of it, and
//! `render` prints it. The `compiler` has each expression checked and compiled
//! as those of conditions are: in `values` those of `{{ … }}`, in `blocks` those
//! of `{% if … %}`; `node` is what becomes of them. `filter` is what stands
//! behind `|`, `tag` the keywords of `{% … %}`. `escape` keeps printed values
//! from becoming markup, `link` keeps them whole inside of addresses, and `placeholder` finds the braces of other tools.
//! There are no loops, and the operations of one rendering are counted together.

mod blocks;
mod compile;
mod compiler;
mod escape;
mod filter;
mod link;
mod node;
mod placeholder;
mod render;
mod split;
mod tag;
mod values;

#[cfg(test)]
mod tests;

pub use compiler::TemplateScope;
pub use escape::Escape;
pub use filter::FILTERS;
pub(crate) use link::percent_encode;
pub use node::Template;
pub use placeholder::first_foreign;
pub use render::{RenderContext, RenderError};
