//! Reading files of customers' data: CSV and JSON lines, dates, numbers, and
//! which column of a file is which column of the customer store. No SQL.

pub mod file;
pub(crate) mod records;
pub mod relation;
pub mod row;
pub mod value;
