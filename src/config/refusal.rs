//! Refusing a value of the configuration.

use crate::playbook::reader::Fields;

/// Reports a value of the right type that cannot be used.
pub(super) fn refuse(fields: &mut Fields<'_, '_>, key: &str, message: impl Into<String>, help: &str) {
    let at = fields.value_place(key);
    fields.error_with_help("KW0601", at, message, help);
}
