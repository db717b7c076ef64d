//! What `explain`, `plan` and `apply` say beforehand is what comes, whatever the
//! playbooks and the customers are: random ones, of `worlds`.

mod apply;
mod explain;
mod outcome;
mod plan;
mod worlds;
