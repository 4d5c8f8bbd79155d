//! The name for EHLO: one by which others know this host.

use std::net::IpAddr;

use crate::config::is_full_name;

/// This host's full name, from its own files; `None` when they have none. DNS is not asked: it may
/// be down when mail has to be sent.
pub(super) fn full_name() -> Option<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    name_in(&read("/proc/sys/kernel/hostname"), &read("/etc/hosts"))
}

/// The name itself if it is a full one, else the one in `/etc/hosts`.
fn name_in(host: &str, hosts: &str) -> Option<String> {
    let host = host.trim();
    if is_full(host) {
        return Some(host.to_owned());
    }
    let lines = hosts.lines().map(|line| line.split('#').next());
    for line in lines.flatten() {
        let names: Vec<&str> = line.split_ascii_whitespace().skip(1).collect();
        let is_ours = names.iter().any(|name| name.eq_ignore_ascii_case(host));
        if let Some(name) = names.into_iter().find(|name| is_full(name))
            && is_ours
        {
            return Some(name.to_owned());
        }
    }
    None
}

/// Whether a name has a domain that others could know.
fn is_full(name: &str) -> bool {
    is_full_name(name) && !name.to_ascii_lowercase().starts_with("localhost.")
}

/// An address in place of a name (RFC 5321, 4.1.3).
pub(super) fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_the_hosts_own_or_that_of_its_file() {
        let hosts = "127.0.0.1 localhost.localdomain localhost\n\
                     # 10.0.0.1 old.example.com web\n\
                     127.0.1.1\tweb.example.com web # ours\n\
                     10.0.0.2 db.example.com db";
        let name = |host: &str| name_in(host, hosts);
        assert_eq!(name("mail.example.org\n"), Some("mail.example.org".into()));
        assert_eq!(name("web\n"), Some("web.example.com".into()));
        assert_eq!(name("WEB"), Some("web.example.com".into()));
        for none in [
            "",
            "other",
            "localhost",
            "localhost.localdomain",
            "we_b.x",
            "a..b",
            "-a.b",
        ] {
            assert_eq!(name(none), None, "{none}");
        }
    }

    #[test]
    fn an_address_can_stand_for_a_name() {
        let literal = |text: &str| literal(text.parse().unwrap());
        assert_eq!(literal("127.0.0.1"), "[127.0.0.1]");
        assert_eq!(literal("::ffff:192.0.2.1"), "[192.0.2.1]");
        assert_eq!(literal("2001:db8::1"), "[IPv6:2001:db8::1]");
    }
}
