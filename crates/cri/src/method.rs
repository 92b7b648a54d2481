//! Calls of the interface, by their paths in HTTP/2.

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// Its name.
    pub(crate) name: &'static str,
    /// `/runtime.v1.RuntimeService/` and its name.
    pub(crate) path: &'static str,
}

macro_rules! methods {
    ($($constant:ident = $name:literal),+ $(,)?) => {
        $(pub(crate) const $constant: Method = Method {
            name: $name,
            path: concat!("/runtime.v1.RuntimeService/", $name),
        };)+
    };
}

methods! {
    LIST_CONTAINERS = "ListContainers",
    LIST_POD_SANDBOX = "ListPodSandbox",
    POD_SANDBOX_STATUS = "PodSandboxStatus",
    REMOVE_POD_SANDBOX = "RemovePodSandbox",
    RUN_POD_SANDBOX = "RunPodSandbox",
    STATUS = "Status",
    STOP_POD_SANDBOX = "StopPodSandbox",
    VERSION = "Version",
}
