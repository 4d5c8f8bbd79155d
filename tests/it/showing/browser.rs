//! The page in a real browser, headless Chromium: it is shown as it is meant to be, asks for nothing
//! else, and fits a phone. Without Chromium these tests say so and pass, but for CI.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::world::{FUTURE, PAST, World};

/// The browser; `None` where there is none, and where everything is tested, that is a failure.
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
pub(super) fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).flat_map(|f| names.map(|name| f.join(name)));
    let found = places.find(|place| place.is_file());
    if found.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "this test needs chromium"
        );
        println!("skipped: there is no chromium here");
    }
    found
}

/// Has the browser load a page, and returns the document that came of it and what it complained of.
pub(super) async fn load(
    chromium: &Path,
    folder: &Path,
    more: &[&OsStr],
    url: &str,
) -> (String, String) {
    let mut command = Command::new(chromium);
    command
        .env("HOME", folder)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args(["--no-first-run", "--disable-background-networking"])
        // The browser has errands of its own; nothing of them leaves this machine.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .arg("--enable-logging=stderr")
        .args(more)
        .args(["--dump-dom", url]);
    let output = tokio::task::spawn_blocking(move || command.output());
    let Output { stdout, stderr, .. } = output.await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(stdout), text(stderr))
}

/// An organization with something of everything, in names that are long and odd.
pub(super) async fn scene() -> World {
    let mut world = World::new().await;
    world.listen("");
    "max_removals = 1\n".clone_into(&mut world.config.guard);
    let long = "christopher-alexander.montgomery-featherstonehaugh";
    let host = "contractors-and-freelancers.a-partner-company-with-a-long-name.example";
    let team =
        "Research and Development <b>&amp;</b> Averyveryveryveryverylongwordwithoutanyspaces";
    let many: Vec<String> = (0..30).map(|n| format!("{long}{n}@{host}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    world.team(team, &many);
    world.whitelist(&many);
    let mut rows = Vec::new();
    for (n, email) in many.iter().enumerate() {
        let end = if n < 12 {
            PAST.to_owned()
        } else {
            format!("{}d", n * 3)
        };
        rows.push(format!("{email},sentius:acme,{end}"));
        if n % 2 == 0 {
            rows.push(format!("{email},sapling:acme/{team},{FUTURE}"));
        }
    }
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_shown_with_its_style_and_asks_for_nothing_else() {
    let Some(chromium) = chromium() else { return };
    let world = scene().await;
    let _daemon = world.listening().await;
    let base = format!("http://127.0.0.1:{}", world.port());
    let log = world.path("net.json");
    let mut net_log = OsStr::new("--log-net-log=").to_owned();
    net_log.push(&log);

    let (shown, complaints) = load(&chromium, world.folder(), &[&net_log], &base).await;

    assert!(
        shown.contains("<h1>Removals wait for an approval</h1>"),
        "{shown}{complaints}"
    );
    assert!(shown.contains("lapsed approve "), "{shown}");
    assert!(!complaints.contains("CONSOLE"), "{complaints}");
    let asked = asked(&std::fs::read_to_string(log).unwrap());
    assert!(asked.contains(&(format!("{base}/"), false)), "{asked:?}");
    let by_page: Vec<_> = asked.iter().filter(|(_, by_page)| *by_page).collect();
    assert!(by_page.is_empty(), "{by_page:?}");
}

/// The addresses in the browser's log, and whether a page asked for them, not the browser itself.
fn asked(log: &str) -> Vec<(String, bool)> {
    let log: Value = serde_json::from_str(log).unwrap();
    let events = log["events"].as_array().unwrap().iter();
    let request = |event: &Value| {
        let initiator = event["params"]["initiator"].as_str()?;
        let url = event["params"]["url"].as_str()?;
        Some((url.to_owned(), initiator != "not an origin"))
    };
    events.filter_map(request).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_fit_a_phone_a_tablet_and_a_desk() {
    let Some(chromium) = chromium() else { return };
    let world = scene().await;
    let _daemon = world.listening().await;
    let page = world.get("/").body;
    assert!(page.contains("<details"), "something is folded: {page}");
    let known = page
        .split("href=\"")
        .find(|link| link.starts_with("person?"));
    let known = known.unwrap().split('"').next().unwrap();
    let person = world.get(&format!("/{known}")).body;
    assert!(person.contains("<table class=\"history\">"), "{person}");
    let found = world.get("/people?q=montgomery").body;
    // A frame has exactly the width that it is given, and its inside can be measured.
    let frames = |page: &String| {
        let quoted = page.replace('&', "&amp;").replace('"', "&quot;");
        let frames = [360, 800, 1280].map(|width| {
            format!("<iframe width=\"{width}\" height=\"800\" srcdoc=\"{quoted}\"></iframe>")
        });
        frames.concat()
    };
    let frames = [&page, &person, &found].map(frames);
    let script = r#"<pre></pre><script>onload = () => {
        for (const frame of document.querySelectorAll("iframe")) {
            const inside = frame.contentDocument;
            for (const folded of inside.querySelectorAll("details")) folded.open = true;
            const {scrollWidth, clientWidth} = inside.documentElement;
            const drawn = inside.querySelector("rect");
            const colour = drawn ? getComputedStyle(drawn).fill : "nothing drawn";
            document.querySelector("pre").append(`${frame.width}: ${scrollWidth - clientWidth} ${colour}\n`);
            frame.remove();
        }
    }</script>"#;
    world.write(
        "frames.html",
        &format!("<!DOCTYPE html>{}{script}", frames.concat()),
    );
    let url = format!("file://{}", world.path("frames.html").display());

    let (shown, complaints) = load(&chromium, world.folder(), &[], &url).await;

    let measured = shown
        .split("<pre>")
        .nth(1)
        .and_then(|rest| rest.split("</pre>").next());
    let colours = ["rgb(63, 95, 143)", "nothing drawn", "nothing drawn"];
    let wanted = colours.map(|colour| {
        let widths = [360, 800, 1280].map(|width| format!("{width}: 0 {colour}\n"));
        widths.concat()
    });
    assert_eq!(
        measured,
        Some(wanted.concat().as_str()),
        "{shown}\n{complaints}"
    );
}
