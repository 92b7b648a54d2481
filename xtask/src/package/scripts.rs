//! What happens on the node around installation and removal.

use super::contents::Entry;

/// The agent's unit; removing the package while it is enabled removes what it installed.
const AGENT: &str = "kubewright-podnet.service";

/// After installation or removal: systemd reads its units again. Nothing is enabled or started.
pub(super) const RELOAD: &str = "\
if [ -z \"$DPKG_ROOT\" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
";

/// Before removal (not before an upgrade): the node gets its previous first CNI configuration back,
/// since with ours and without an agent no pod could start; and the units are disabled.
///
/// A cluster may run the agent as a DaemonSet while this package is there for the command line, so
/// it is only done where the unit is enabled. The guard is not stopped: a locked node stays locked.
pub(super) fn before_removal(entries: &[Entry]) -> String {
    let mut units: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.path.starts_with("/usr/lib/systemd/system"))
        .filter_map(|entry| entry.path.file_name()?.to_str())
        .collect();
    units.sort_unstable();
    let units = units.join(" ");
    format!(
        "\
root=\"$DPKG_ROOT\"
if [ -L \"$root/etc/systemd/system/multi-user.target.wants/{AGENT}\" ]; then
    if [ -z \"$root\" ] && [ -d /run/systemd/system ]; then
        systemctl stop {AGENT} || true
    fi
    (
        set -a
        [ ! -r \"$root/etc/kubewright/podnet.env\" ] || . \"$root/etc/kubewright/podnet.env\"
        exec \"$root/usr/bin/kubewright\" podnet uninstall
    )
fi
if command -v systemctl >/dev/null; then
    systemctl --root=\"$root/\" disable {units} >/dev/null 2>&1 || true
fi
"
    )
}
