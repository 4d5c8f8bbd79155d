//! The pages for everybody: axe-core, in a real browser, finds nothing in them that keeps people out.
//! Where there is no Chromium or no axe-core these tests say so and pass, but for CI.

use std::path::{Path, PathBuf};

use super::browser::{chromium, load, scene};
use crate::mailing::links;
use crate::world::World;

/// What `.ci/run` fetches from npm.
const AXE: &str = "target/tools/axe-core/axe.min.js";

/// axe-core; `None` where there is none, and where everything is tested, that is a failure.
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
fn axe() -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(AXE);
    if place.is_file() {
        return Some(place);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "this test needs {AXE}, which .ci/run fetches"
    );
    println!("skipped: there is no {AXE} here; .ci/run fetches it");
    None
}

/// What axe-core says of a page: how many rules it tried and passed, and what breaks one.
async fn judge(world: &World, chromium: &Path, axe: &Path, page: &str) -> (usize, String) {
    // All is looked at, also what is folded away; without the listener's policy, which is a header,
    // the script may run.
    let page = page.replace("<details", "<details open");
    let script = format!(
        r#"<script src="file://{}"></script><script>
        axe.run(document).then(({{passes, violations}}) => {{
            const broken = violations.flatMap(({{id, nodes}}) =>
                nodes.map(({{html, failureSummary}}) => `${{id}}: ${{html}} ${{failureSummary}}\n`));
            const said = document.createElement("output");
            said.textContent = `${{passes.length}} ${{broken.join("")}}.`;
            document.body.append(said);
        }});</script></body>"#,
        axe.display()
    );
    assert!(page.contains("</body>"), "{page}");
    world.write("judged.html", &page.replace("</body>", &script));
    let url = format!("file://{}", world.path("judged.html").display());
    let patience = std::ffi::OsStr::new("--virtual-time-budget=60000");
    let (shown, complaints) = load(chromium, world.folder(), &[patience], &url).await;
    let said = shown.split("<output>").nth(1);
    let said = said.and_then(|rest| rest.split("</output>").next());
    let said = said.unwrap_or_else(|| panic!("axe-core said nothing: {shown}{complaints}"));
    let (passed, broken) = said.split_once(' ').unwrap();
    (passed.parse().unwrap(), broken.to_owned())
}

/// Nothing is wrong with this page, whichever colours the reader prefers.
async fn in_light_and_in_dark(world: &World, chromium: &Path, axe: &Path, path: &str) {
    let light = world.get(path).body;
    let dark = light.replace("@media (prefers-color-scheme: dark)", "@media all");
    assert_ne!(light, dark);
    for page in [&light, &dark] {
        let (passed, broken) = judge(world, chromium, axe, page).await;
        assert_eq!(broken, ".", "{path}");
        assert!(passed > 10, "{path}: {passed} rules");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_wrong_with_the_page_on_which_owners_answer() {
    let (Some(chromium), Some(axe)) = (chromium(), axe()) else {
        return;
    };
    let world = links::world().await;
    let letters = links::asked(&world).await;
    let link = links::link(links::to(&letters, "olga@acme.example"));
    let _daemon = world.listening().await;
    in_light_and_in_dark(&world, &chromium, &axe, &link).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_wrong_with_the_pages_in_light_and_in_dark() {
    let (Some(chromium), Some(axe)) = (chromium(), axe()) else {
        return;
    };
    let world = scene().await;
    let _daemon = world.listening().await;
    let overview = world.get("/").body;
    let known = overview.split("href=\"person?email=").nth(1).unwrap();
    let known = known.split('"').next().unwrap();
    for path in [
        "/".to_owned(),
        "/people?q=christopher".to_owned(),
        format!("/person?email={known}"),
        "/person?email=nobody@example.com".to_owned(),
    ] {
        in_light_and_in_dark(&world, &chromium, &axe, &path).await;
    }
    // It does find what is wrong.
    let page = overview.replace("lang=\"en\"", "");
    let (_, broken) = judge(&world, &chromium, &axe, &page).await;
    assert!(broken.contains("html-has-lang"), "{broken}");
}
