//! Everything the guard asks the node, in one place.

use std::time::Duration;

use super::args::{PlaceArgs, ReadinessArgs};
use super::chains::Ruleset;
use super::endpoints::{EndpointSource, ProtectedEndpoint};
use super::felix::{Felix, FelixHttp, FelixUrlError};
use super::links::{IpCommand, Links};
use super::nft::{Nft, NftCommand};
use super::process::ProcessError;
use super::readiness::Observation;

/// How long the endpoints are waited for at each look. Without an end to it, an API
/// server that swallows requests would also swallow the time to fail open.
const PATIENCE: Duration = Duration::from_secs(10);

/// The node as the guard sees it; each part can be replaced in tests.
pub struct Edge<'a> {
    /// The packet filter.
    pub nft: Box<dyn Nft + 'a>,
    /// The interfaces.
    pub links: Box<dyn Links + 'a>,
    /// Felix.
    pub felix: Box<dyn Felix + 'a>,
    /// The HostEndpoints of this node.
    pub endpoints: &'a dyn EndpointSource,
}

impl<'a> Edge<'a> {
    /// The real node.
    ///
    /// # Errors
    /// [`FelixUrlError`] when the URL given for Felix cannot be one.
    pub fn of_node(
        readiness: &ReadinessArgs,
        place: &PlaceArgs,
        endpoints: &'a dyn EndpointSource,
    ) -> Result<Self, FelixUrlError> {
        Ok(Self {
            nft: Box::new(NftCommand::new(&place.nft)),
            links: Box::new(IpCommand),
            felix: Box::new(FelixHttp::new(&readiness.felix_url)?),
            endpoints,
        })
    }

    /// Looks at everything once, at the same time.
    ///
    /// # Errors
    /// [`ProcessError`] only where looking again cannot help: nft is missing or
    /// refused. Everything else becomes part of the observation.
    pub async fn observe(&self) -> Result<Observation, ProcessError> {
        let (endpoints, felix, ruleset, links) =
            tokio::join!(self.endpoints(), self.felix.state(), self.ruleset(), self.links.list());
        Ok(Observation {
            endpoints,
            felix,
            ruleset: ruleset?,
            links: links.map_err(|error| with_causes(&error)),
        })
    }

    async fn endpoints(&self) -> Result<Vec<ProtectedEndpoint>, String> {
        match tokio::time::timeout(PATIENCE, self.endpoints.endpoints()).await {
            Ok(endpoints) => endpoints.map_err(|error| with_causes(&error)),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn ruleset(&self) -> Result<Result<Ruleset, String>, ProcessError> {
        let (listing, legacy) = match (self.nft.list().await, self.nft.legacy().await) {
            (Ok(listing), Ok(legacy)) => (listing, legacy),
            (Err(error), _) | (_, Err(error)) if error.is_permanent() => return Err(error),
            (Err(error), _) | (_, Err(error)) => return Ok(Err(with_causes(&error))),
        };
        Ok(Ruleset::from_nft_json(&listing).map_err(|error| with_causes(&error)).map(
            |mut ruleset| {
                for (family, saved) in &legacy {
                    ruleset.add_iptables_save(*family, saved);
                }
                ruleset
            },
        ))
    }
}

/// An error and what caused it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        line.push_str(": ");
        line.push_str(&source.to_string());
        cause = source.source();
    }
    line
}
