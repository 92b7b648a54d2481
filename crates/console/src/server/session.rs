//! Sessions: whose client is used, and tokens that tie forms to them.
//!
//! A session is known by a random value in a cookie. The token of its forms is a keyed hash of
//! that value: whoever can read the cookie could send the form anyhow, and nobody else can make it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::config::AuthInfo;
use kube::{Api, Client, Config};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};
use tokio::sync::Semaphore;

use super::{Access, ConsoleError};
use crate::observer::Observer;

/// How long a session lasts that is not used.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// How long any session lasts.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// The most sessions at a time: each watches the cluster for itself.
const MOST: usize = 32;
/// Tokens that are tried at the same time.
const TRIALS: usize = 4;

/// Somebody who may see and do what a client may.
pub(super) struct Session {
    /// Name of the user; none for the user of this process.
    pub(super) user: Option<String>,
    pub(super) client: Client,
    pub(super) observer: Observer,
}

/// The sessions of a console.
pub(super) struct Sessions {
    random: SystemRandom,
    key: hmac::Key,
    trials: Semaphore,
    resource: String,
    kind: Kind,
}

enum Kind {
    /// One for everybody who gets to the console.
    Own(Arc<Session>),
    /// By the hash of the cookie, so that looking one up tells nothing by the time it takes.
    Users { config: Box<Config>, open: Mutex<HashMap<[u8; 32], Open>> },
}

struct Open {
    session: Arc<Session>,
    since: Instant,
    used: Instant,
}

impl Open {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.used) > IDLE || now.duration_since(self.since) > LIFETIME
    }
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignInError {
    #[error("The cluster does not accept this token.")]
    Refused,
    #[error("Too many people are signed in; try again later.")]
    Full,
    #[error("The cluster cannot be reached; try again later.")]
    Unreachable,
}

impl Sessions {
    /// No sessions but, without users, the one of this process.
    pub(super) fn new(access: Access, resource: &str) -> Result<Self, ConsoleError> {
        let random = SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random);
        let kind = match access {
            Access::Own(client) => {
                let observer = Observer::start(&client, resource);
                Kind::Own(Arc::new(Session { user: None, client, observer }))
            }
            Access::Users(config) => Kind::Users { config, open: Mutex::default() },
        };
        Ok(Self {
            key: key.map_err(|_| ConsoleError::Keys)?,
            random,
            trials: Semaphore::new(TRIALS),
            resource: resource.to_owned(),
            kind,
        })
    }

    /// Whether the rights are those of this process.
    pub(super) fn are_own(&self) -> bool {
        matches!(self.kind, Kind::Own(_))
    }

    /// A value for a new cookie; nothing when there is no randomness.
    pub(super) fn cookie(&self) -> Option<String> {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes).ok()?;
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The token for forms of the session with this cookie.
    pub(super) fn form_token(&self, cookie: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, cookie.as_bytes()))
    }

    /// Whether a form was made for the session with this cookie. Takes the same time for every
    /// wrong token.
    pub(super) fn is_form_token(&self, cookie: &str, token: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(token) else { return false };
        hmac::verify(&self.key, cookie.as_bytes(), &tag).is_ok()
    }

    /// The session with this cookie.
    pub(super) fn find(&self, cookie: &str) -> Option<Arc<Session>> {
        match &self.kind {
            Kind::Own(session) => Some(Arc::clone(session)),
            Kind::Users { open, .. } => {
                let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                open.retain(|_, open| !open.is_over(now));
                let found = open.get_mut(&hash(cookie))?;
                found.used = now;
                Some(Arc::clone(&found.session))
            }
        }
    }

    /// Opens a session for who has this token, under a new cookie.
    pub(super) async fn sign_in(&self, token: &str) -> Result<(String, String), SignInError> {
        let Kind::Users { config, open } = &self.kind else { return Err(SignInError::Refused) };
        // A token is sent as a header: what cannot be one is none.
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SignInError::Refused);
        }
        let _turn = self.trials.acquire().await.map_err(|_| SignInError::Unreachable)?;
        // Nothing of the credentials of this process may be lent to the user.
        let mut config = (**config).clone();
        config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
        let client = Client::try_from(config).map_err(|_| SignInError::Unreachable)?;
        let user = who_is(&client).await?;
        let observer = Observer::start(&client, &self.resource);
        let session = Arc::new(Session { user: Some(user.clone()), client, observer });
        let cookie = self.cookie().ok_or(SignInError::Unreachable)?;
        let now = Instant::now();
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, open| !open.is_over(now));
        if open.len() >= MOST {
            return Err(SignInError::Full);
        }
        open.insert(hash(&cookie), Open { session, since: now, used: now });
        Ok((cookie, user))
    }

    /// Ends the session with this cookie.
    pub(super) fn sign_out(&self, cookie: &str) {
        if let Kind::Users { open, .. } = &self.kind {
            open.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(cookie));
        }
    }
}

/// The name of the user that a client is, as the API server says.
async fn who_is(client: &Client) -> Result<String, SignInError> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = SelfSubjectReview::default();
    let answer = reviews.create(&PostParams::default(), &review).await;
    let status = match answer {
        Ok(review) => review.status,
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => {
            return Err(SignInError::Refused);
        }
        Err(error) => {
            tracing::warn!(%error, "cannot ask the API server who somebody is");
            return Err(SignInError::Unreachable);
        }
    };
    let user = status.and_then(|status| status.user_info).and_then(|user| user.username);
    // An API server that lets everybody in calls those without credentials so.
    user.filter(|user| !user.is_empty() && user != "system:anonymous").ok_or(SignInError::Refused)
}

fn hash(cookie: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, cookie.as_bytes()).as_ref());
    hash
}
