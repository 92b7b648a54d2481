//! When the webhook's certificates are made and replaced: pure, one step at a time.
//!
//! ```text
//!  nothing ──▶ authority ──▶ serving certificate ──▶ at rest ──▶ serving due: signed again
//!                                                       │
//!                          authority due: a next one is made, and trusted beside it
//!                                                       │ once the registration trusts it
//!                                         next becomes current, current previous
//!                                                       │
//!                                serving certificate of the new authority
//!                                                       │ overlap over
//!                                           previous is forgotten ──▶ at rest
//! ```
//!
//! At no moment does a replica serve a certificate that the registration does not trust, whichever
//! of the two a replica has loaded: the API server never meets an unknown authority.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::certificate::{Certificate, CertificateError, Lifetimes};

/// What is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Signs.
    pub current: Option<Certificate>,
    /// Will sign.
    pub next: Option<Certificate>,
    /// Signed; a replica may still serve what it signed. PEM.
    pub previous: Option<String>,
    /// What the replicas are to serve.
    pub serving: Option<Certificate>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the first authority.
    MakeAuthority,
    /// Make the authority that will follow.
    MakeNext,
    /// The next authority signs from now on.
    Promote,
    /// Sign a serving certificate.
    Sign,
    /// No longer trust the previous authority.
    ForgetPrevious,
}

/// Entries of the Secret with the authorities.
mod entry {
    pub(super) const CURRENT: (&str, &str) = ("ca.crt", "ca.key");
    pub(super) const NEXT: (&str, &str) = ("next-ca.crt", "next-ca.key");
    pub(super) const PREVIOUS: &str = "previous-ca.crt";
    pub(super) const SERVING: (&str, &str) = ("tls.crt", "tls.key");
}

impl Stored {
    /// Reads the Secret of the authorities and that of the serving certificate.
    ///
    /// What cannot be read counts as missing and is made again; the second value tells of it.
    pub fn read(
        authorities: &BTreeMap<String, Vec<u8>>,
        serving: &BTreeMap<String, Vec<u8>>,
    ) -> (Self, Vec<CertificateError>) {
        let mut problems = Vec::new();
        let mut pair = |what, data, (certificate, key): (&str, &str)| {
            Certificate::stored(what, data, certificate, key).unwrap_or_else(|problem| {
                problems.push(problem);
                None
            })
        };
        let current = pair("the authority of the webhook", authorities, entry::CURRENT);
        let next = pair("the next authority of the webhook", authorities, entry::NEXT);
        let serving = pair("the serving certificate of the webhook", serving, entry::SERVING);
        let previous = authorities
            .get(entry::PREVIOUS)
            .and_then(|bytes| String::from_utf8(bytes.clone()).ok())
            .filter(|pem| !pem.is_empty());
        (Self { current, next, previous, serving }, problems)
    }

    /// Entries of the Secret with the authorities.
    pub fn authorities(&self) -> BTreeMap<String, Vec<u8>> {
        let mut data = BTreeMap::new();
        for (pair, (certificate, key)) in
            [(&self.current, entry::CURRENT), (&self.next, entry::NEXT)]
        {
            if let Some(pair) = pair {
                data.insert(certificate.to_owned(), pair.certificate.clone().into_bytes());
                data.insert(key.to_owned(), pair.key().as_bytes().to_vec());
            }
        }
        if let Some(previous) = &self.previous {
            data.insert(entry::PREVIOUS.to_owned(), previous.clone().into_bytes());
        }
        data
    }

    /// Entries of the Secret that the replicas mount.
    pub fn serving(&self) -> BTreeMap<String, Vec<u8>> {
        let Some(serving) = &self.serving else { return BTreeMap::new() };
        BTreeMap::from([
            (entry::SERVING.0.to_owned(), serving.certificate.clone().into_bytes()),
            (entry::SERVING.1.to_owned(), serving.key().as_bytes().to_vec()),
        ])
    }

    /// Every authority to trust, PEM.
    pub fn bundle(&self) -> String {
        let pairs = [&self.current, &self.next].into_iter().flatten();
        pairs.map(|pair| pair.certificate.as_str()).chain(self.previous.as_deref()).collect()
    }
}

/// What to do next; `None` at rest.
///
/// `trusted` is what the registration trusts now, PEM; `None` while there is none.
pub fn next_step(
    stored: &Stored,
    trusted: Option<&str>,
    names: &[String],
    now: Timestamp,
    lifetimes: Lifetimes,
) -> Option<Step> {
    let Some(current) = &stored.current else { return Some(Step::MakeAuthority) };
    if current.facts.until <= now {
        return Some(Step::MakeAuthority);
    }
    if let Some(next) = &stored.next {
        // Without a registration nobody has to be told.
        let told = trusted.is_none_or(|bundle| bundle.contains(next.certificate.trim()));
        if told {
            return Some(Step::Promote);
        }
    } else if current.due() <= now {
        return Some(Step::MakeNext);
    }
    let Some(serving) = &stored.serving else { return Some(Step::Sign) };
    let fits = names.iter().all(|name| serving.facts.names.contains(name));
    if !fits || !current.signed(serving) || serving.due() <= now {
        return Some(Step::Sign);
    }
    let settled = serving.facts.from.as_second()
        + i64::try_from(lifetimes.overlap.as_secs()).unwrap_or(i64::MAX / 2);
    (stored.previous.is_some() && settled <= now.as_second()).then_some(Step::ForgetPrevious)
}

/// What is stored after a step.
///
/// # Errors
/// [`CertificateError::Make`].
pub fn take(
    step: Step,
    mut stored: Stored,
    names: &[String],
    now: Timestamp,
    lifetimes: Lifetimes,
) -> Result<Stored, CertificateError> {
    match step {
        Step::MakeAuthority => {
            stored.current = Some(Certificate::authority(now, lifetimes)?);
            stored.next = None;
        }
        Step::MakeNext => stored.next = Some(Certificate::authority(now, lifetimes)?),
        Step::Promote => {
            stored.previous = stored.current.take().map(|old| old.certificate);
            stored.current = stored.next.take();
        }
        Step::Sign => {
            if let Some(current) = &stored.current {
                stored.serving = Some(current.sign(names, now, lifetimes)?);
            }
        }
        Step::ForgetPrevious => stored.previous = None,
    }
    Ok(stored)
}

#[cfg(test)]
mod tests;
