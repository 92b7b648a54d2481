//! The plugin's operations: asked of the agent, and where that can be, done without it.

use kubewright_attachment::protocol::{
    Call, CallError, Client, Container, PluginOptions, Reply, Request as Question, Valid,
};
use kubewright_cni::plugin::{Plugin, Request};
use kubewright_cni::{CniError, CniResult, ErrorCode, Version};

use crate::{alone, answer};

/// Versions that know lists of plugins and name interfaces in results.
pub(crate) const VERSIONS: [Version; 4] =
    [Version::V0_3_1, Version::V0_4_0, Version::V1_0_0, Version::V1_1_0];

/// The plugin.
pub(crate) struct Kubewright;

/// Why there is no result.
enum Failed {
    /// There is no answer.
    Silence(CallError),
    /// It failed.
    With(CniError),
}

impl From<CniError> for Failed {
    fn from(error: CniError) -> Self {
        Self::With(error)
    }
}

impl Failed {
    fn answer(self) -> CniError {
        match self {
            Self::Silence(error) => answer::try_again(&error),
            Self::With(error) => error,
        }
    }
}

impl Plugin for Kubewright {
    fn versions(&self) -> &[Version] {
        &VERSIONS
    }

    fn add(&self, request: &Request) -> Result<CniResult, CniError> {
        if request.prev_result.is_some() {
            let msg = "kubewright-cni must be the only plugin of its list: it calls those of the \
                       default network itself";
            return Err(CniError::new(ErrorCode::InvalidConfig, msg));
        }
        let added = ask(request, Call::Add(container(request)?)).map_err(Failed::answer)?;
        added.ok_or_else(|| {
            let msg = "the kubewright agent answered ADD without a result";
            CniError::new(ErrorCode::Internal, msg)
        })
    }

    fn del(&self, request: &Request) -> Result<(), CniError> {
        done(request, Call::Del(container(request)?), alone::del)
    }

    fn check(&self, request: &Request) -> Result<(), CniError> {
        done(request, Call::Check(container(request)?), alone::check)
    }

    fn status(&self, request: &Request) -> Result<(), CniError> {
        match ask(request, Call::Status) {
            Err(Failed::Silence(error)) => Err(answer::not_available(&error)),
            asked => asked.map(drop).map_err(Failed::answer),
        }
    }

    fn gc(&self, request: &Request) -> Result<(), CniError> {
        let valid = Valid { valid_attachments: request.valid_attachments.clone() };
        done(request, Call::Gc(valid), alone::gc)
    }
}

/// Asks the agent, or where that is away does it alone. One that was asked and does not answer is
/// not away: it may still be at work.
fn done(
    request: &Request,
    call: Call,
    alone: impl FnOnce(&Request, &PluginOptions) -> Result<(), CniError>,
) -> Result<(), CniError> {
    match ask(request, call) {
        Err(Failed::Silence(CallError::Away { .. })) => alone(request, &options(request)?),
        asked => asked.map(drop).map_err(Failed::answer),
    }
}

/// Asks the agent.
fn ask(request: &Request, call: Call) -> Result<Option<CniResult>, Failed> {
    let question =
        Question { call, plugin_dirs: request.path.clone(), config: request.config.clone() };
    match Client::new(options(request)?.socket).call(&question) {
        Ok(Reply::Result(result)) => Ok(result),
        Ok(Reply::Error(error)) => Err(Failed::With(error)),
        Err(error) => Err(Failed::Silence(error)),
    }
}

fn options(request: &Request) -> Result<PluginOptions, CniError> {
    PluginOptions::of(&request.config)
        .map_err(|error| CniError::from_error(ErrorCode::InvalidConfig, &error))
}

fn container(request: &Request) -> Result<Container, CniError> {
    let runtime = request.attachment()?;
    Ok(Container {
        container_id: runtime.container_id().to_owned(),
        netns: runtime.netns.clone(),
        ifname: runtime.ifname().to_owned(),
        args: runtime.args.clone(),
    })
}
