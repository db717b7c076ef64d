//! Answers of machines (RFC 3834): absences, receipts, acknowledgements.

use super::parts::Parts;

/// How absences begin their subjects, in lower case: Exchange in its languages,
/// Gmail, iCloud and others.
const SUBJECTS: &[&str] = &[
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto response",
    "auto-response",
    "autorespon",
    "auto:",
    "out of office",
    "out of the office",
    "out-of-office",
    "away from",
    "vacation",
    "on vacation",
    "automatische antwort",
    "abwesenheit",
    "abwesend",
    "réponse automatique",
    "absence",
    "respuesta automática",
    "fuera de la oficina",
    "risposta automatica",
    "fuori sede",
    "resposta automática",
    "automatisch antwoord",
    "afwezig",
    "automatiskt svar",
    "automatisk svar",
    "autosvar",
    "automaattinen vastaus",
    "automatyczna odpowiedź",
    "automatická odpověď",
    "automatikus válasz",
    "otomatik yanıt",
    "автоматический ответ",
    "自動応答",
    "自动答复",
    "自動回覆",
];

/// Header fields that only automatic answers have, with the values that say so
/// where not every value does.
const FIELDS: &[(&str, &[&str])] = &[
    ("x-autoreply", &[]),
    ("x-autorespond", &[]),
    ("x-autoresponder", &[]),
    ("x-auto-reply-from", &[]),
    ("x-mail-autoreply", &[]),
    ("x-apple-action", &["vacation"]),
    ("precedence", &["auto_reply", "auto-reply"]),
    ("x-precedence", &["auto_reply", "auto-reply"]),
];

/// Whether a reader is away: by the subject, or by a field that only answers for
/// absent people have.
pub(super) fn is_absence(parts: &Parts<'_>) -> bool {
    let subject = parts.subject().trim().to_lowercase();
    let fields = FIELDS.iter().any(|(name, values)| {
        parts.header(name).is_some_and(|value| {
            let value = value.trim().to_ascii_lowercase();
            value != "no" && (values.is_empty() || values.contains(&value.as_str()))
        })
    });
    fields || SUBJECTS.iter().any(|begin| subject.starts_with(begin))
}

/// Whether a machine says that it wrote this, and is no mail server: what those
/// write and nobody understands has to be looked at.
pub(super) fn is_automatic(parts: &Parts<'_>) -> bool {
    let said = parts.header("auto-submitted").map(|value| value.trim().to_ascii_lowercase());
    said.is_some_and(|value| value.starts_with("auto-")) && !super::plain_text::is_from_a_mail_server(parts)
}
