//! What was recorded of an account's columns as JSON, read without an error whatever
//! stands there.

/// A date, or an instant, that Postgres reads without an error when its day is the first.
const ISO_8601: &str = "^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?$";

/// A time of a recorded row, null where it is none. A day that its month does not have,
/// such as 30 February, is counted on from its first.
pub(super) fn recorded_time(json: &str, column: &str) -> String {
    let text = format!("{json} ->> '{column}'");
    format!(
        "case when {text} ~ '{ISO_8601}' then (left({text}, 7) || '-01' || substr({text}, 11))::timestamptz
             + (substr({text}, 9, 2)::int - 1) * interval '1 day' end"
    )
}

/// A number of a recorded row, null where it is none.
pub(super) fn recorded_number(json: &str, column: &str) -> String {
    format!(
        "case when jsonb_typeof({json} -> '{column}') = 'number' and abs(({json} ->> '{column}')::numeric) < 1e15
             then ({json} ->> '{column}')::float8 end"
    )
}
