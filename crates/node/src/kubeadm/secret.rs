//! Secrets, and whom to believe: as they are configured, or made here and kept while needed.

use std::fs;
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::ContextError;
use crate::config::{NodeConfiguration, Secret};
use crate::discovery::Pin;
use crate::file::{self, FileError, SECRET};
use crate::host::Host;
use crate::token::Token;

/// Of the token that was made here, below the state folder.
pub(super) const TOKEN: &str = "token";
/// Of the key of the uploaded control-plane certificates.
pub(super) const CERTIFICATE_KEY: &str = "certificate-key";

/// The token that is configured, itself or by its file.
pub(super) fn given_token(
    host: &Host,
    configuration: &NodeConfiguration,
) -> Result<Option<Secret>, ContextError> {
    let formation = &configuration.cluster_formation;
    if formation.token_file.is_empty() || !formation.token.is_empty() {
        return Ok(Some(formation.token.clone()).filter(|token| !token.is_empty()));
    }
    let file = host.path(&formation.token_file);
    let text = fs::read_to_string(&file).map_err(FileError::of("read", &file))?;
    let token: Token = text.trim().parse().map_err(|_| ContextError::Token { file })?;
    Ok(Some(Secret::new(token.reveal())))
}

/// The key of the uploaded control-plane certificates.
pub(super) fn given_certificate_key(
    host: &Host,
    configuration: &NodeConfiguration,
) -> Result<Secret, ContextError> {
    let file = &configuration.cluster_formation.certificate_key_file;
    if file.is_empty() {
        return Err(ContextError::CertificateKey);
    }
    let file = host.path(file);
    let text = fs::read_to_string(&file).map_err(FileError::of("read", &file))?;
    let key = text.trim();
    match key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(Secret::new(key)),
        false => Err(ContextError::CertificateKey),
    }
}

/// The token that was made here and is kept until it was shown.
pub(super) fn kept_token(state: &Path) -> Option<Secret> {
    let text = fs::read_to_string(state.join(TOKEN)).ok()?;
    text.trim().parse::<Token>().ok().map(|token| Secret::new(token.reveal()))
}

pub(super) fn forget_token(state: &Path) -> Result<(), FileError> {
    let path = state.join(TOKEN);
    file::remove(&path).map(drop).map_err(FileError::of("remove", &path))
}

/// A secret that was made before, or is made now, and kept for the next run.
pub(super) fn kept(
    state: &Path,
    name: &str,
    make: impl FnOnce() -> Result<String, ContextError>,
) -> Result<Secret, ContextError> {
    let path = state.join(name);
    if let Ok(text) = fs::read_to_string(&path)
        && !text.trim().is_empty()
    {
        return Ok(Secret::new(text.trim()));
    }
    let made = make()?;
    file::replace(&path, made.as_bytes(), SECRET)?;
    Ok(Secret::new(made))
}

/// A new token.
pub(super) fn token() -> Result<String, ContextError> {
    Token::generate().map(|token| token.reveal()).map_err(|_| ContextError::Random)
}

/// As `kubeadm certs certificate-key`: 32 random bytes.
pub(super) fn certificate_key() -> Result<String, ContextError> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ContextError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The pins of the authority that a joining machine is to believe.
pub(super) fn pins(
    host: &Host,
    configuration: &NodeConfiguration,
) -> Result<Vec<Pin>, ContextError> {
    let certificates = &configuration.certificates;
    if !certificates.ca_crt_hash.is_empty() {
        return certificates
            .ca_crt_hash
            .parse()
            .map(|pin| vec![pin])
            .map_err(|_| ContextError::NoPin);
    }
    if !certificates.ca_crt.is_empty() {
        let pem = match certificates.ca_crt.contains("-----BEGIN") {
            true => certificates.ca_crt.clone(),
            false => {
                let file = host.path(&certificates.ca_crt);
                fs::read_to_string(&file).map_err(FileError::of("read", &file))?
            }
        };
        return Pin::of_pem(&pem).ok_or(ContextError::Authority);
    }
    match certificates.unsafe_skip_verification {
        true => Ok(Vec::new()),
        false => Err(ContextError::NoPin),
    }
}
