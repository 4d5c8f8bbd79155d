//! Failures of which it is certain that the provider has not seen the request.

use super::*;

/// The client of an `https` provider; `None` on a machine without any CA certificates.
fn https_at(base: &str) -> Option<Http> {
    let key = SecretString::from(KEY);
    let http = Http::new(
        "test:acme".to_owned(),
        &base.parse().unwrap(),
        &key,
        &settings(),
        &Metrics::default(),
    );
    match http {
        Err(BuildError::Client { reason, .. }) if reason.contains("CA certificates") => None,
        http => Some(http.unwrap()),
    }
}

#[tokio::test]
async fn a_refused_connection_means_that_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let http = http_at(&base.parse().unwrap());
    let error = error(http.write(call(Method::POST)).await);
    assert!(matches!(error, CallError::NotSent { .. }), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_no_key_in(&error);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_means_that_nothing_was_sent() {
    let http = http_at(&"http://nowhere.invalid".parse().unwrap());
    let error = error(http.write(call(Method::POST)).await);
    assert!(matches!(error, CallError::NotSent { .. }), "{error:?}");
    assert_no_key_in(&error);
}

#[tokio::test]
async fn a_plain_peer_where_tls_is_expected_means_that_nothing_was_sent() {
    let stub = Stub::start([json(200, "{}")]).await;
    let base = stub.url().as_str().replace("http:", "https:");
    let Some(http) = https_at(&base) else { return };
    let error = error(http.write(call(Method::POST)).await);
    assert!(matches!(error, CallError::NotSent { .. }), "{error:?}");
    assert_no_key_in(&error);
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_means_that_nothing_was_sent() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.is_ok()
    });
    let base = format!("https://localhost:{port}");
    let Some(http) = https_at(&base) else { return };
    let error = error(http.write(call(Method::POST)).await);
    assert!(matches!(error, CallError::NotSent { .. }), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(!peer.await.unwrap());
    assert_no_key_in(&error);
}
