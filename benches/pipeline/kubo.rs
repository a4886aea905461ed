//! A Kubo that stores nothing and writes as the real one does, so that the benches measure this side of the connection:
//! `add` reads the body to its end, the gateway writes 32 KiB at a time behind a `Content-Length`, and `cat` writes chunks
//! of 4 KiB, each of them by itself.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use af_registry::config;
use af_registry::config::ServerAddress;
use af_registry::ipfs::Kubo;
use af_registry::ipld::dag::stored_size;
use af_registry::ipld::{Cid, Codec};

/// What the gateway writes at once.
const GATEWAY: usize = 32 << 10;
/// What `cat` writes at once.
const CAT: usize = 4 << 10;
/// The end of a chunked body with one file in `multipart/form-data`.
const END: &[u8] = b"--\r\n\r\n0\r\n\r\n";

/// The mock. It serves files of one size, whose bytes are all `BYTE`, until the process ends.
#[derive(Clone, Copy)]
pub(crate) struct Mock {
    pub(crate) port: u16,
    size: usize,
}

/// The value of every byte of a file.
pub(crate) const BYTE: u8 = 7;

impl Mock {
    /// Begins to serve files of `size` bytes.
    pub(crate) fn start(size: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mock = Self { port: listener.local_addr().unwrap().port(), size };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                // The other side may go away in the middle.
                thread::spawn(move || mock.serve(stream).unwrap_or_default());
            }
        });
        mock
    }

    /// A client of this Kubo, which reads through the gateway or by `cat`.
    pub(crate) fn client(self, gateway: bool) -> Kubo {
        let address = ServerAddress { https: false, host: "127.0.0.1".into(), port: self.port };
        let gateway = gateway.then(|| address.clone());
        Kubo::new(&config::Kubo { gateway, ..config::Kubo::at(address) }).unwrap()
    }

    /// The CID of every file.
    pub(crate) fn cid() -> Cid {
        Cid::new(Codec::DagPb, [1; 32])
    }

    fn serve(self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut seen = Vec::new();
        while let Some(head) = head(&mut stream, &mut seen)? {
            if head.starts_with("POST /api/v0/add") {
                if head.to_ascii_lowercase().contains("expect: 100-continue") {
                    stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                }
                drain(&mut stream, &mut seen)?;
                let (cid, size) = (Self::cid(), stored_size(self.size as u64));
                let line =
                    format!("{{\"Name\":\"blob\",\"Hash\":\"{cid}\",\"Size\":\"{size}\"}}\n");
                let length = line.len();
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{line}")?;
            } else if head.starts_with("GET /ipfs/") {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", self.size)?;
                self.write(&mut stream, GATEWAY, false)?;
            } else {
                let size = self.size;
                let chunked = "Trailer: X-Stream-Error\r\nTransfer-Encoding: chunked";
                write!(stream, "HTTP/1.1 200 OK\r\nX-Content-Length: {size}\r\n{chunked}\r\n\r\n")?;
                self.write(&mut stream, CAT, true)?;
                stream.write_all(b"0\r\n\r\n")?;
            }
        }
        stream.shutdown(Shutdown::Both)
    }

    fn write(self, stream: &mut TcpStream, at_once: usize, chunked: bool) -> std::io::Result<()> {
        let data = vec![BYTE; at_once];
        let mut framed = format!("{at_once:x}\r\n").into_bytes();
        framed.extend_from_slice(&data);
        framed.extend_from_slice(b"\r\n");
        let piece = if chunked { framed } else { data };
        (0..self.size / at_once).try_for_each(|_| stream.write_all(&piece))
    }
}

/// Reads the head of the next request. What follows it stays in `seen`. `None` when the client has closed.
fn head(stream: &mut TcpStream, seen: &mut Vec<u8>) -> std::io::Result<Option<String>> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = seen.split_off(end + 4);
            let head = std::mem::replace(seen, rest);
            return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            read => seen.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Reads the body of an `add` to its end.
fn drain(stream: &mut TcpStream, seen: &mut Vec<u8>) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    while !seen.ends_with(END) {
        let read = stream.read(&mut buffer)?;
        // The end may come in two pieces.
        let kept = seen.len().min(END.len());
        seen.drain(..seen.len() - kept);
        seen.extend_from_slice(&buffer[..read]);
        if read == 0 {
            break;
        }
    }
    seen.clear();
    Ok(())
}
