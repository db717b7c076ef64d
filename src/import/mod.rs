//! Reading files of customers' data: CSV and JSON lines, dates, numbers, and
//! which column of a file is which column of the customer store. No SQL.
//!
//! - [`file`]: from the bytes of a file to batches of rows;
//! - `records`: the records of a CSV file;
//! - [`row`]: one row, and which of its fields go where;
//! - [`value`]: reading one value strictly;
//! - [`change`]: a row that says what a column of an account was and became;
//! - [`relation`]: the relations of the customer store, column by column.

pub mod change;
pub mod file;
pub(crate) mod records;
pub mod relation;
pub mod row;
pub mod value;
