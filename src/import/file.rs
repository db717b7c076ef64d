//! From the bytes of a file to batches of rows, in the file's order and in flat
//! memory. Nothing here knows a database.

use std::io::{self, BufRead, Cursor, Read};

use serde_json::{Map, Value as Json};

use super::records::{LONGEST_RECORD, Record, Records};
use super::relation::Relation;
use super::row::{Draft, FieldTarget, Mapping, Problem, Row};
use super::value::{self, LONGEST_VALUE};

/// The most rows and mistakes of a batch.
pub const BATCH: usize = 1_000;

/// A batch with more bytes than this ends early.
const BATCH_BYTES: usize = 8 << 20;

/// How the rows of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line of headers; fields may be quoted.
    Csv { delimiter: u8 },
    /// One JSON object a line.
    JsonLines,
}

/// Consecutive rows of a file.
#[derive(Debug, Default)]
pub struct Batch {
    pub rows: Vec<Row>,
    /// Rows that are not in `rows`.
    pub problems: Vec<Problem>,
    /// The file is read up to this line and this byte.
    pub line: u64,
    pub bytes: u64,
    size: usize,
}

/// Why no row of a file, or no further one, can be read.
#[derive(Debug)]
pub enum Unreadable {
    Io(io::Error),
    /// The file as a whole, or its line of headers, is wrong.
    File(Vec<Problem>),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Unreadable {
        Unreadable::Io(error)
    }
}

/// Reads a file and hands over its batches; `take` says whether to go on.
pub fn read(
    input: impl BufRead,
    mapping: &Mapping,
    format: Format,
    take: &mut dyn FnMut(Batch) -> bool,
) -> Result<(), Unreadable> {
    let input = after_mark(input)?;
    let mut batches = Batches { batch: Batch::default(), take };
    match format {
        Format::Csv { delimiter } => read_csv(input, mapping, delimiter, &mut batches),
        Format::JsonLines => read_json_lines(input, mapping, &mut batches),
    }
}

/// Passes a byte order mark over and refuses what is no text at all.
fn after_mark<R: BufRead>(mut input: R) -> Result<io::Chain<Cursor<Vec<u8>>, R>, Unreadable> {
    let mut start = Vec::new();
    input.by_ref().take(3).read_to_end(&mut start)?;
    let wrong = match start.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("the file is written in UTF-16; save it as UTF-8"),
        [b'P', b'K', 3] => Some("the file is a spreadsheet or an archive; save it as CSV"),
        [0x1f, 0x8b, ..] => Some("the file is compressed; unpack it first"),
        [0xef, 0xbb, 0xbf] => {
            start.clear();
            None
        }
        _ => None,
    };
    match wrong {
        Some(message) => Err(Unreadable::File(vec![Problem::new(1, None, message)])),
        None => Ok(Cursor::new(start).chain(input)),
    }
}

struct Batches<'a> {
    batch: Batch,
    take: &'a mut dyn FnMut(Batch) -> bool,
}

impl Batches<'_> {
    /// Keeps a row and hands a full batch over; false when no more is wanted.
    fn add(&mut self, row: Result<Row, Problem>, size: usize, line: u64, bytes: u64) -> bool {
        match row {
            Ok(row) => self.batch.rows.push(row),
            Err(problem) => self.batch.problems.push(problem),
        }
        self.batch.size += size;
        (self.batch.line, self.batch.bytes) = (line, bytes);
        let full = self.batch.rows.len() + self.batch.problems.len() >= BATCH || self.batch.size >= BATCH_BYTES;
        !full || (self.take)(std::mem::take(&mut self.batch))
    }

    fn finish(&mut self) {
        if !self.batch.rows.is_empty() || !self.batch.problems.is_empty() {
            (self.take)(std::mem::take(&mut self.batch));
        }
    }
}

fn read_csv(
    input: impl BufRead,
    mapping: &Mapping,
    delimiter: u8,
    batches: &mut Batches<'_>,
) -> Result<(), Unreadable> {
    let mut records = Records::new(input, delimiter);
    let mut record = Record::default();
    if !records.read(&mut record)? {
        return Err(Unreadable::File(vec![Problem::new(
            1,
            None,
            "the file is empty: the first line names the columns",
        )]));
    }
    let targets = headers(&record, mapping, delimiter).map_err(Unreadable::File)?;
    while records.read(&mut record)? {
        if record.is_blank() {
            continue;
        }
        let row = row_of_record(&record, &targets, &mapping.relation);
        if !batches.add(row, record.size(), records.last_line, records.bytes) {
            return Ok(());
        }
    }
    batches.finish();
    Ok(())
}

fn headers(record: &Record, mapping: &Mapping, delimiter: u8) -> Result<Vec<FieldTarget>, Vec<Problem>> {
    let wrong = |message: &str| Err(vec![Problem::new(record.line, None, message)]);
    if record.unclosed || record.too_long.is_some() {
        return wrong("the line of headers does not end: is a quote not closed?");
    }
    let mut names = Vec::with_capacity(record.len());
    for field in record.fields() {
        match std::str::from_utf8(field) {
            Ok(name) => names.push(name.trim().to_owned()),
            Err(_) => return wrong("the line of headers is not UTF-8; save the file as UTF-8"),
        }
    }
    let (targets, mut problems) = mapping.targets(record.line, &names);
    if let ([name], [_, ..]) = (names.as_slice(), problems.as_slice())
        && let Some(other) = [';', '\t', ',', '|'].into_iter().find(|&c| c as u8 != delimiter && name.contains(c))
    {
        let shown = if other == '\t' { "tab".to_owned() } else { format!("'{other}'") };
        let message = format!("the line of headers has one column only: try --delimiter {shown}");
        problems = vec![Problem::new(record.line, None, message)];
    }
    if problems.is_empty() { Ok(targets) } else { Err(problems) }
}

fn row_of_record(record: &Record, targets: &[FieldTarget], relation: &Relation) -> Result<Row, Problem> {
    let mut draft = Draft::new(relation, record.line);
    let name = |at: usize| match targets.get(at) {
        Some(FieldTarget::Column(at)) => Some(relation.columns[*at].name.to_string()),
        Some(FieldTarget::Key(key)) => relation.object().map(|object| format!("{}.{key}", object.name)),
        Some(FieldTarget::Ignored) | None => None,
    };
    if record.unclosed {
        draft.wrong(name(record.len() - 1).as_deref(), "a quote is opened here and not closed before the file ends");
    } else if let Some(at) = record.too_long {
        draft.wrong(name(at).as_deref(), format!("{}; is a quote not closed?", value::too_long()));
    } else if record.len() != targets.len() {
        draft.wrong(None, format!("has {} fields, and the line of headers has {}", record.len(), targets.len()));
    } else {
        for (field, target) in record.fields().zip(targets) {
            let text = std::str::from_utf8(field).map_err(|error| not_utf8(field, error));
            match target {
                FieldTarget::Column(at) => {
                    let column = &relation.columns[*at];
                    if text.as_ref().is_ok_and(|text| column.is_padded_key(text)) {
                        draft.padded = true;
                    }
                    draft.column(*at, text.and_then(|text| value::from_text(column, text)));
                }
                FieldTarget::Key(key) => draft.key(key, text.and_then(value::trait_from_text)),
                FieldTarget::Ignored => {}
            }
        }
    }
    draft.finish()
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error) -> String {
    let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
    format!("is not UTF-8 (byte 0x{byte:02X}); save the file as UTF-8")
}

fn read_json_lines(mut input: impl BufRead, mapping: &Mapping, batches: &mut Batches<'_>) -> Result<(), Unreadable> {
    let (mut text, mut line, mut bytes) = (Vec::new(), 0, 0);
    loop {
        text.clear();
        let length = read_line(&mut input, &mut text)?;
        if length == 0 {
            break;
        }
        (line, bytes) = (line + 1, bytes + length);
        if text.trim_ascii().is_empty() {
            continue;
        }
        let too_long = length > LONGEST_RECORD as u64;
        let row = if too_long {
            Err(Problem::new(line, None, "the line is too long"))
        } else {
            row_of_json(&text, line, mapping)
        };
        if !batches.add(row, text.len(), line, bytes) {
            return Ok(());
        }
    }
    batches.finish();
    Ok(())
}

/// Reads a line and returns its length; of one beyond the limit only the
/// beginning is kept.
fn read_line(input: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<u64> {
    let mut length = 0;
    loop {
        let part = input.fill_buf()?;
        let end = part.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
        let taken = end.unwrap_or(part.len());
        if text.len() + taken <= LONGEST_RECORD {
            text.extend_from_slice(&part[..taken]);
        }
        length += taken as u64;
        input.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(length);
        }
    }
}

fn row_of_json(text: &[u8], line: u64, mapping: &Mapping) -> Result<Row, Problem> {
    let wrong = |message: String| Problem::new(line, None, message);
    let text = std::str::from_utf8(text).map_err(|error| wrong(format!("the line {}", not_utf8(text, error))))?;
    let object: Map<String, Json> = match serde_json::from_str(text) {
        Ok(Json::Object(object)) => object,
        _ if line == 1 && text.trim_start().starts_with('[') => {
            return Err(wrong("a list is not read: write one JSON object a line, as `jq -c '.[]'` does".to_owned()));
        }
        Ok(_) => return Err(wrong("is not a JSON object".to_owned())),
        Err(error) => return Err(wrong(format!("is not JSON: {error}"))),
    };
    let relation = &*mapping.relation;
    let mut draft = Draft::new(relation, line);
    for (name, value) in object {
        // Only a long line can hold a long value.
        if text.len() > LONGEST_VALUE && value.to_string().len() > LONGEST_VALUE {
            draft.wrong(Some(&name), value::too_long());
            continue;
        }
        match mapping.target(&name) {
            Ok(FieldTarget::Column(at)) => {
                let column = &relation.columns[at];
                if value.as_str().is_some_and(|text| column.is_padded_key(text)) {
                    draft.padded = true;
                }
                draft.column(at, value::from_json(column, value));
            }
            Ok(FieldTarget::Key(key)) => draft.key(&key, value::trait_from_json(value)),
            Ok(FieldTarget::Ignored) => {}
            Err(message) => draft.wrong(Some(&name), message),
        }
    }
    draft.finish()
}
