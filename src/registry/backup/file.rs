//! The file with the rows: a line that names the format, a header, the tables, the sequences, and a last line with the
//! number of rows of each table and the hash of everything before it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::BackupError;
use super::sync;
use crate::ipld::Cid;
use crate::oci::{Algorithm, Digest};
use crate::store::BackupTable;
use crate::stream::hashing::Hasher;

/// Name of the file.
const NAME: &str = "registry.backup";
/// Name of the file until it is whole.
const NEW: &str = "registry.backup.new";
/// The first line.
const FORMAT: &str = "af-registry backup 1";
/// The line after the rows of a table. No row looks like it, because COPY writes a backslash as two.
const END: &[u8] = b"\\.\n";
/// Longest last line that is looked for.
const FOOTER: u64 = 64 << 10;

/// What the backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Version of the schema.
    pub(super) schema: i32,
    /// When the snapshot was taken, RFC 3339.
    pub(super) taken_at: String,
    /// Version of the program that wrote it.
    pub(super) program: String,
}

/// The line before the rows of a table.
#[derive(Serialize, Deserialize)]
struct Table {
    table: String,
    columns: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Sequences {
    sequences: BTreeMap<String, i64>,
}

#[derive(Serialize, Deserialize)]
struct Footer {
    rows: BTreeMap<String, u64>,
    sha256: String,
}

/// A backup file that is being written. If it is dropped before [`Writer::keep`], an earlier backup stays.
pub(super) struct Writer {
    directory: PathBuf,
    out: BufWriter<File>,
    hasher: Hasher,
    rows: BTreeMap<String, u64>,
}

impl Writer {
    /// Creates the directory if needed, and the file under its temporary name.
    pub(super) fn create(directory: &Path, header: &Header) -> Result<Self, BackupError> {
        let path = directory.join(NEW);
        // It holds hashes of passwords, so only its owner may read it.
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(&path).map_err(BackupError::io("write", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::Busy(directory.to_owned())),
            Err(TryLockError::Error(error)) => return Err(BackupError::io("lock", &path)(error)),
        }
        file.set_len(0).map_err(BackupError::io("write", &path))?;
        let out = BufWriter::with_capacity(256 << 10, file);
        let hasher = Hasher::new(Algorithm::Sha256);
        let mut writer =
            Self { directory: directory.to_owned(), out, hasher, rows: BTreeMap::new() };
        writer.write(format!("{FORMAT}\n").as_bytes())?;
        writer.line(header)?;
        Ok(writer)
    }

    /// Begins a table. Its rows follow.
    pub(super) fn table(&mut self, table: &BackupTable) -> Result<(), BackupError> {
        let BackupTable { name, columns } = table;
        self.rows.insert(name.clone(), 0);
        self.line(&Table { table: name.clone(), columns: columns.clone() })
    }

    /// Writes a piece of rows. Every row ends with a line break.
    pub(super) fn rows(&mut self, table: &BackupTable, piece: &[u8]) -> Result<(), BackupError> {
        let lines = piece.iter().filter(|byte| **byte == b'\n').count();
        *self.rows.entry(table.name.clone()).or_default() += lines as u64;
        self.write(piece)
    }

    /// Ends a table.
    pub(super) fn end(&mut self) -> Result<(), BackupError> {
        self.write(END)
    }

    /// Writes the sequences and the last line, and syncs the file. It keeps its temporary name.
    pub(super) fn finish(&mut self, sequences: Vec<(String, i64)>) -> Result<(), BackupError> {
        self.line(&Sequences { sequences: sequences.into_iter().collect() })?;
        let footer = Footer {
            rows: self.rows.clone(),
            sha256: self.hasher.clone().finish().hex().to_owned(),
        };
        self.line(&footer)?;
        let path = self.directory.join(NEW);
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        synced.map_err(BackupError::io("write", &path))
    }

    /// A reader of the finished file.
    pub(super) fn reader(&self) -> Result<Reader, BackupError> {
        Reader::at(&self.directory.join(NEW))
    }

    /// Gives the finished file its name, in place of an earlier backup.
    pub(super) fn keep(self) -> Result<(), BackupError> {
        let (new, path) = (self.directory.join(NEW), self.directory.join(NAME));
        let kept = fs::rename(&new, &path).and_then(|()| sync(&self.directory));
        kept.map_err(BackupError::io("rename", &new))
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), BackupError> {
        let path = self.directory.join(NEW);
        let text = serde_json::to_string(value)
            .map_err(|error| BackupError::damaged(&path, format!("cannot be written: {error}")))?;
        self.write(format!("{text}\n").as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hasher.update(bytes);
        let written = self.out.write_all(bytes);
        written.map_err(|error| BackupError::io("write", &self.directory.join(NEW))(error))
    }
}

/// A blob as the file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedBlob {
    pub(super) digest: Digest,
    pub(super) cid: Cid,
    pub(super) size: u64,
}

/// A backup file whose hash is right.
pub(super) struct Reader {
    path: PathBuf,
    input: BufReader<File>,
    pub(super) header: Header,
    /// Rows of each table.
    pub(super) rows: BTreeMap<String, u64>,
}

/// What comes next in a file.
pub(super) enum Section {
    /// The rows of a table follow.
    Table(BackupTable),
    /// The last number of each sequence. Nothing follows.
    Sequences(BTreeMap<String, i64>),
}

impl Reader {
    /// Opens the backup in a directory and compares its bytes with its hash.
    pub(super) fn open(directory: &Path) -> Result<Self, BackupError> {
        let path = directory.join(NAME);
        match Self::at(&path) {
            Err(BackupError::Io { source, .. })
                if source.kind() == ErrorKind::NotFound && directory.join(NEW).exists() =>
            {
                let reason = "has no whole backup, only one that was not finished: run `af-registry backup` again";
                Err(BackupError::damaged(directory, reason))
            }
            opened => opened,
        }
    }

    fn at(path: &Path) -> Result<Self, BackupError> {
        let io = |error| BackupError::io("read", path)(error);
        let mut file = File::open(path).map_err(io)?;
        let footer = footer(&mut file, path)?;
        let mut input = BufReader::with_capacity(256 << 10, file);
        input.rewind().map_err(io)?;
        let mut reader = Self {
            path: path.to_owned(),
            input,
            header: Header { schema: 0, taken_at: String::new(), program: String::new() },
            rows: footer.rows,
        };
        let format = reader.line()?;
        if format.strip_suffix(b"\n") != Some(FORMAT.as_bytes()) {
            let reason = format!(
                "is of another format than `{FORMAT}`: restore it by the program that wrote it"
            );
            return Err(BackupError::damaged(path, reason));
        }
        reader.header = reader.json()?;
        Ok(reader)
    }

    /// Reads the line that begins the next section. Call it when the rows before were read.
    pub(super) fn next(&mut self) -> Result<Section, BackupError> {
        let line = self.line()?;
        if let Ok(Table { table, columns }) = serde_json::from_slice(&line) {
            return Ok(Section::Table(BackupTable { name: table, columns }));
        }
        let sequences: Sequences = serde_json::from_slice(&line)
            .map_err(|error| BackupError::damaged(&self.path, format!("is malformed: {error}")))?;
        Ok(Section::Sequences(sequences.sequences))
    }

    /// Reads the next row of a table with its line break. `None` after the last.
    pub(super) fn row(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let line = self.line()?;
        Ok((line != END).then_some(line))
    }

    /// All blobs, and the names of the tables with their columns.
    pub(super) fn contents(mut self) -> Result<(Vec<BackupTable>, Vec<NamedBlob>), BackupError> {
        let (mut tables, mut blobs) = (Vec::new(), Vec::new());
        while let Section::Table(table) = self.next()? {
            while let Some(row) = self.row()? {
                if table.name == "blobs" {
                    blobs.push(self.blob(&table, &row)?);
                }
            }
            tables.push(table);
        }
        Ok((tables, blobs))
    }

    fn blob(&self, table: &BackupTable, row: &[u8]) -> Result<NamedBlob, BackupError> {
        let malformed =
            || BackupError::damaged(&self.path, "has a row of a blob that is malformed");
        let text = std::str::from_utf8(row).map_err(|_| malformed())?.trim_end_matches('\n');
        let field = |name: &str| {
            let at = table.columns.iter().position(|column| column == name);
            at.and_then(|at| text.split('\t').nth(at)).ok_or_else(malformed)
        };
        Ok(NamedBlob {
            digest: field("digest")?.parse().map_err(|_| malformed())?,
            cid: field("ipfs_cid")?.parse().map_err(|_| malformed())?,
            size: field("size")?.parse().map_err(|_| malformed())?,
        })
    }

    fn json<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T, BackupError> {
        let line = self.line()?;
        serde_json::from_slice(&line)
            .map_err(|error| BackupError::damaged(&self.path, format!("is malformed: {error}")))
    }

    fn line(&mut self) -> Result<Vec<u8>, BackupError> {
        let mut line = Vec::new();
        let read = self.input.read_until(b'\n', &mut line);
        read.map_err(BackupError::io("read", &self.path))?;
        if line.ends_with(b"\n") {
            return Ok(line);
        }
        Err(BackupError::damaged(&self.path, "ends too early"))
    }
}

/// Reads the last line and compares its hash with the bytes before it.
fn footer(file: &mut File, path: &Path) -> Result<Footer, BackupError> {
    let io = |error| BackupError::io("read", path)(error);
    let cut = || BackupError::damaged(path, "is not a whole backup: its last line is missing");
    let length = file.seek(SeekFrom::End(0)).map_err(io)?;
    let start = length.saturating_sub(FOOTER);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(start)).map_err(io)?;
    file.read_to_end(&mut tail).map_err(io)?;
    let body = tail.strip_suffix(b"\n").ok_or_else(cut)?;
    let at = body.iter().rposition(|byte| *byte == b'\n').ok_or_else(cut)? + 1;
    let footer: Footer = serde_json::from_slice(&body[at..]).map_err(|_| cut())?;
    file.rewind().map_err(io)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut rest = Read::by_ref(file).take(start + at as u64);
    let mut piece = vec![0; 256 << 10];
    loop {
        match rest.read(&mut piece).map_err(io)? {
            0 => break,
            read => hasher.update(&piece[..read]),
        }
    }
    if hasher.finish().hex() == footer.sha256 {
        return Ok(footer);
    }
    let reason =
        "was changed after it was written: its bytes do not match its hash; use another backup";
    Err(BackupError::damaged(path, reason))
}
