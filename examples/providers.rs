//! Both providers on loopback with the demo's organization, for trying lapsed out as it is
//! installed: writes their addresses, their keys and the grants into a folder, and stays.
//!
//!     cargo run --example providers -- FOLDER

use std::path::PathBuf;
use std::{env, fs, io};

use lapsed_sandbox::{Sample, Sapling, Sentius};

#[tokio::main]
async fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("name a folder"));
    };
    let sample = Sample::new(lapsed::clock::now());
    let write = |name: &str, text: &str| fs::write(folder.join(name), text);
    write("sentius.key", &sample.sentius.api_key)?;
    write("sapling.key", &sample.sapling.api_key)?;
    write("people.csv", &sample.grants_csv)?;
    let sentius = Sentius::start(sample.sentius).await?;
    let sapling = Sapling::start(sample.sapling).await?;
    write("sentius.url", sentius.base_url())?;
    write("sapling.url", sapling.base_url())?;
    // To whoever started this as a service: all of it can be read.
    sd_notify::notify(&[sd_notify::NotifyState::Ready])?;
    std::future::pending().await
}
