//! A postfix of its own: configuration, queue and mailboxes in a folder that goes with it.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::mailing::tls_mail::certified;

/// How long a server may take to start, and a mail to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The services of postfix that take and deliver mail, beside those for its two ports.
const SERVICES: &str = "\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// A running server, stopped when dropped.
pub(super) struct Postfix {
    dir: tempfile::TempDir,
    /// Where it offers STARTTLS.
    pub(super) port: u16,
    /// Where it speaks TLS from the beginning.
    pub(super) implicit: u16,
    /// Who vouches for its certificate.
    pub(super) authority: String,
    greylist: Option<Child>,
}

impl Postfix {
    /// One with these lines in its configuration, which knows `lapsed@acme.example` by `password` and
    /// has a mailbox for `it@acme.example`. `None` where there is no postfix; where everything is
    /// tested, that is a failure.
    #[expect(clippy::print_stdout, reason = "a test that is left out says so")]
    pub(super) fn start(lines: &str, password: &str) -> Option<Self> {
        let is_there = |program: &str| Path::new("/usr/sbin").join(program).exists();
        if !["postfix", "saslpasswd2", "postgrey"]
            .into_iter()
            .all(is_there)
            || !is_root()
        {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "this test needs postfix, saslpasswd2 and postgrey, and root's rights"
            );
            println!("skipped: no postfix can be started here");
            return None;
        }
        let dir = tempfile::Builder::new()
            .prefix("postfix")
            .tempdir_in("/tmp")
            .unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let (port, implicit) = (free_port(), free_port());
        let (authority, certificate, key) = certified("localhost");
        let certificate = key.serialize_pem() + &certificate.pem();
        let server = Self {
            dir,
            port,
            implicit,
            authority,
            greylist: None,
        };
        for folder in ["etc", "etc/sasl", "queue", "data", "log", "mail"] {
            fs::create_dir(server.path(folder)).unwrap();
        }
        fs::write(server.path("etc/server.pem"), certificate).unwrap();
        server.configure(lines);
        server.set_password(password);
        run("chown", &["postfix", server.path("data").to_str().unwrap()]);
        run(
            "chown",
            &["nobody:nogroup", server.path("mail").to_str().unwrap()],
        );
        server.postfix("start");
        server.answers();
        Some(server)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn configure(&self, lines: &str) {
        let dir = self.dir.path().display();
        let main = format!(
            "compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/log/mail.log
maillog_file_prefixes = {dir}
myhostname = localhost
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
virtual_mailbox_domains = acme.example
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = inline:{{ it@acme.example=it/ }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
smtpd_tls_chain_files = {dir}/etc/server.pem
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_sasl_auth_enable = yes
smtpd_tls_auth_only = yes
smtpd_sasl_path = smtpd
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
{lines}"
        );
        fs::write(self.path("etc/main.cf"), main).unwrap();
        let (port, implicit) = (self.port, self.implicit);
        let master = format!(
            "127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{implicit} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
{SERVICES}"
        );
        fs::write(self.path("etc/master.cf"), master).unwrap();
    }

    /// Has the server know `lapsed@acme.example`.
    fn set_password(&self, password: &str) {
        let passwords = self.path("etc/sasl/passwords");
        let known = format!(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\nsasldb_path: {}\n",
            passwords.display()
        );
        fs::write(self.path("etc/sasl/smtpd.conf"), known).unwrap();
        let said = self.path("etc/sasl/said");
        fs::write(&said, password).unwrap();
        let status = Command::new("/usr/sbin/saslpasswd2")
            .args(["-p", "-c", "-u", "acme.example", "-f"])
            .arg(&passwords)
            .arg("lapsed")
            .stdin(fs::File::open(&said).unwrap())
            .status();
        assert!(status.unwrap().success());
        run("chown", &["postfix", passwords.to_str().unwrap()]);
    }

    /// Has it refuse whoever it has not seen before, for two seconds.
    pub(super) fn take_nothing_at_first(&mut self) {
        let port = free_port();
        let folder = self.path("grey");
        fs::create_dir(&folder).unwrap();
        run("chown", &["postgrey", folder.to_str().unwrap()]);
        let greylist = Command::new("/usr/sbin/postgrey")
            .arg(format!("--inet=127.0.0.1:{port}"))
            .arg(format!("--dbdir={}", folder.display()))
            .args(["--delay=2", "--auto-whitelist-clients=0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.greylist = Some(greylist.unwrap());
        until("postgrey answers", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        self.configure(&format!(
            "smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:{port}\n"
        ));
        self.postfix("reload");
        self.answers();
    }

    /// The mails that have arrived for somebody, once the queue is empty.
    pub(super) fn mails(&self, who: &str) -> Vec<Vec<u8>> {
        until("the queue is empty", || {
            let output = Command::new("/usr/sbin/postqueue")
                .arg("-c")
                .arg(self.path("etc"))
                .arg("-j")
                .output();
            output.unwrap().stdout.is_empty() && self.queued() == 0
        });
        let arrived = fs::read_dir(self.path("mail").join(who).join("new"));
        let mut files: Vec<PathBuf> = arrived
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }

    fn queued(&self) -> usize {
        let folders = ["incoming", "active", "deferred", "maildrop"];
        let count = |folder: &str| {
            let entries = fs::read_dir(self.path("queue").join(folder));
            entries.into_iter().flatten().count()
        };
        folders.into_iter().map(count).sum()
    }

    fn postfix(&self, what: &str) {
        let output = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.path("etc"))
            .arg(what)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "postfix {what}: {}{}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
    }

    /// What it has logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("log/mail.log")).unwrap_or_default()
    }

    fn answers(&self) {
        until("postfix answers", || {
            let connected = std::net::TcpStream::connect(("127.0.0.1", self.port));
            connected.is_ok_and(|stream| {
                let mut greeting = [0; 4];
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                std::io::Read::read_exact(&mut &stream, &mut greeting).is_ok()
                    && greeting == *b"220 "
            })
        });
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let stopped = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.path("etc"))
            .arg("stop")
            .output();
        drop(stopped);
        if let Some(mut greylist) = self.greylist.take() {
            let _ = greylist.kill();
            let _ = greylist.wait();
        }
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}

fn run(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).status();
    assert!(status.unwrap().success(), "{program} {args:?}");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}
