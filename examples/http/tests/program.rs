//! The program as a user runs it: a server, requests, and what it logs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

struct Server {
    process: Child,
    log: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_http-example"))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example");
        let log = BufReader::new(process.stdout.take().expect("piped"));
        let mut server = Self { process, log, address: String::new() };
        let line = server.logged("listening on http://");
        let (_, address) = line.split_once("http://").expect("the line with it");
        address.clone_into(&mut server.address);
        server
    }

    /// The next line with this text.
    fn logged(&mut self, text: &str) -> String {
        let found = self.log.by_ref().lines().map_while(Result::ok).find(|it| it.contains(text));
        found.unwrap_or_else(|| panic!("the program ended without logging {text:?}"))
    }

    fn create_task(&self, headers: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).expect("it listens");
        let request = format!(
            "POST /tasks HTTP/1.1\r\nhost: example\r\nconnection: close\r\n\
             content-type: text/plain\r\ncontent-length: 10\r\n{headers}\r\nWrite docs"
        );
        connection.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_requests_tenant_reaches_the_log_line_of_an_event_handler() {
    let mut server = Server::start();
    let answer = server.create_task("x-tenant-id: acme\r\nx-request-id: edge-7\r\n");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert!(answer.contains("x-request-id: edge-7\r\n"), "{answer}");
    let line = server.logged("a new task");
    assert!(line.contains("tenant=acme") && line.contains("request=\"edge-7\""), "{line}");
}

#[cfg(unix)]
#[test]
fn a_request_in_flight_at_sigterm_is_answered_and_its_event_is_handled() {
    let mut server = Server::start();
    let mut connection = TcpStream::connect(&server.address).expect("it listens");
    let head = "POST /tasks HTTP/1.1\r\nhost: example\r\nx-tenant-id: acme\r\n\
                content-length: 10\r\nexpect: 100-continue\r\n\r\n";
    connection.write_all(head.as_bytes()).expect("sent");
    let mut goes_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    connection.read_exact(&mut goes_on).expect("the request has begun");

    let pid = server.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("sent").success());
    server.logged("stopping");
    connection.write_all(b"Write docs").expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer, and then the connection is closed");
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    server.logged("a new task");
    server.logged("everything was finished");
    assert!(server.process.wait().expect("it ends").success());
}

#[test]
fn a_request_of_nobody_is_refused_with_a_problem_document() {
    let server = Server::start();
    let answer = server.create_task("");
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
    assert!(answer.contains("the header `x-tenant-id` is missing"), "{answer}");
}

#[test]
fn it_stays_under_sixty_lines() {
    assert!(include_str!("../src/main.rs").lines().count() < 60);
}
