//! Records of a CSV file, one at a time and in flat memory: a field beyond the
//! limit is passed over and not kept.

use std::io::{BufRead, Result};

use csv_core::{ReadFieldResult, ReaderBuilder};

use super::value::LONGEST_VALUE;

/// The most bytes a record, or a line of JSON, may have.
pub const LONGEST_RECORD: usize = 16 << 20;

/// The fields of one record. Used again for the next.
#[derive(Debug, Default)]
pub struct Record {
    /// Where it begins, from 1.
    pub line: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The first field that is beyond the limit.
    pub too_long: Option<usize>,
    /// The file ends inside of a quoted field.
    pub unclosed: bool,
}

impl Record {
    /// The fields, as bytes.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }

    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nothing stands between the delimiters, as in rows that a
    /// spreadsheet adds.
    pub fn is_blank(&self) -> bool {
        self.bytes.is_empty() && self.too_long.is_none() && !self.unclosed
    }

    /// How much memory it takes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self, line: u64) {
        // What one long record needed is not kept for good.
        if self.bytes.capacity() > LONGEST_VALUE {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.ends.clear();
        (self.line, self.too_long, self.unclosed) = (line, None, false);
    }

    fn add(&mut self, part: &[u8]) {
        let field = self.bytes.len() - self.ends.last().copied().unwrap_or(0);
        if field + part.len() > LONGEST_VALUE || self.bytes.len() + part.len() > LONGEST_RECORD {
            self.too_long.get_or_insert(self.ends.len());
        } else {
            self.bytes.extend_from_slice(part);
        }
    }
}

/// Reads the records of a file that is separated by a delimiter.
pub struct Records<R> {
    input: R,
    core: csv_core::Reader,
    part: Box<[u8]>,
    /// The line that comes next, from 1.
    line: u64,
    /// The last line of what is read.
    pub last_line: u64,
    /// How many bytes are read.
    pub bytes: u64,
}

impl<R: BufRead> Records<R> {
    pub fn new(input: R, delimiter: u8) -> Records<R> {
        let core = ReaderBuilder::new().delimiter(delimiter).build();
        Records { input, core, part: vec![0; 16 << 10].into(), line: 1, last_line: 0, bytes: 0 }
    }

    /// Reads the next record; false at the end. Empty lines are passed over.
    pub fn read(&mut self, record: &mut Record) -> Result<bool> {
        if !self.pass_empty_lines()? {
            return Ok(false);
        }
        record.clear(self.line);
        loop {
            let input = self.input.fill_buf()?;
            // A line end that is not there shows whether a quote is open.
            let at_end = input.is_empty();
            let (result, taken, given) = self.core.read_field(if at_end { b"\n" } else { input }, &mut self.part);
            record.add(&self.part[..given]);
            if !at_end {
                let part = &input[..taken];
                self.line += part.iter().filter(|&&byte| byte == b'\n').count() as u64;
                // A record may end with its line or before the end of it.
                self.last_line = self.line - u64::from(part.ends_with(b"\n"));
                self.bytes += taken as u64;
                self.input.consume(taken);
            }
            match result {
                ReadFieldResult::OutputFull => {}
                ReadFieldResult::InputEmpty if !at_end => {}
                ReadFieldResult::Field { record_end } => {
                    record.ends.push(record.bytes.len());
                    if record_end {
                        return Ok(true);
                    }
                }
                ReadFieldResult::InputEmpty | ReadFieldResult::End => {
                    record.ends.push(record.bytes.len());
                    record.unclosed = true;
                    self.core.reset();
                    return Ok(true);
                }
            }
        }
    }

    /// False at the end of the file.
    fn pass_empty_lines(&mut self) -> Result<bool> {
        loop {
            let input = self.input.fill_buf()?;
            let Some(&first) = input.first() else { return Ok(false) };
            if first != b'\r' && first != b'\n' {
                return Ok(true);
            }
            self.line += u64::from(first == b'\n');
            self.bytes += 1;
            self.input.consume(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Every record with its line, and marks for what is wrong.
    fn read(text: &[u8], delimiter: u8) -> Vec<String> {
        // A small buffer cuts fields everywhere.
        let mut records = Records::new(BufReader::with_capacity(3, text), delimiter);
        let (mut record, mut found) = (Record::default(), Vec::new());
        while records.read(&mut record).unwrap() {
            let fields: Vec<_> = record.fields().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
            let mark = if record.unclosed { " unclosed" } else { "" };
            found.push(format!("{} {}{mark}", record.line, fields.join("|")));
        }
        found
    }

    #[test]
    fn lines_are_counted_through_quotes_and_every_line_end() {
        assert_eq!(read(b"a,b\n\"x\ny\",2\n\n3,4", b','), ["1 a|b", "2 x\ny|2", "5 3|4"]);
        assert_eq!(read(b"a;b\r\n\"x\r\ny\";2\r\n3;\"q\"\"q\"\r\n", b';'), ["1 a|b", "2 x\r\ny|2", "4 3|q\"q"]);
        assert_eq!(read(b"a,b,\n,,\n1,2,", b','), ["1 a|b|", "2 ||", "3 1|2|"]);
        assert_eq!(read(b"", b','), [""; 0]);
        assert_eq!(read(b"\n\r\n", b','), [""; 0]);
    }

    #[test]
    fn an_open_quote_is_seen() {
        assert_eq!(read(b"a,b\n1,\"2\n3,4\n", b','), ["1 a|b", "2 1|2\n3,4\n\n unclosed"]);
        assert_eq!(read(b"a,b\n1,\"2\"", b','), ["1 a|b", "2 1|2"]);
        assert_eq!(read(b"\"", b','), ["1 \n unclosed"]);
    }

    #[test]
    fn a_long_field_is_passed_over() {
        let text = format!("1,{},3\n4,5,6\n", "x".repeat(3 << 20));
        let mut records = Records::new(BufReader::new(text.as_bytes()), b',');
        let mut record = Record::default();
        assert!(records.read(&mut record).unwrap());
        assert_eq!((record.too_long, record.len()), (Some(1), 3));
        assert!(record.size() <= LONGEST_VALUE + 2);
        assert!(records.read(&mut record).unwrap());
        assert_eq!((record.too_long, record.line, record.len()), (None, 2, 3));
    }
}
