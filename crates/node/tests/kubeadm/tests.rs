//! The tests by name, and what they share.

use std::future::Future;
use std::pin::Pin;

use kubewright_node::kubeadm::EngineError;

use crate::init::*;
use crate::joining::*;
use crate::killed::*;
use crate::world::TOKEN;

type Test = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        /// All of them, by name.
        pub(crate) fn all() -> Vec<(&'static str, Test)> {
            vec![$((stringify!($name), (|| Box::pin($name())) as Test)),*]
        }
    };
}

tests! {
    init_drives_every_phase_of_the_oldest_kubeadm,
    init_drives_every_phase_of_a_new_kubeadm,
    a_finished_run_does_nothing_and_at_once,
    killed_at_every_change_of_the_journal_init_ends_the_same,
    killed_right_after_every_phase_init_ends_the_same,
    killed_at_every_change_of_the_journal_join_ends_the_same,
    killed_right_after_every_phase_join_ends_the_same,
    killed_at_every_change_of_the_journal_a_control_plane_joins_the_same,
    killed_right_after_every_phase_a_control_plane_joins_the_same,
    killed_before_units_are_reloaded_the_next_run_does_it,
    a_kubeadm_that_outlives_its_run_is_not_met_by_the_next,
    nodes_that_must_be_accepted_get_no_right_to_approve_themselves,
    what_is_to_be_known_is_told_at_once,
    before_the_kubelet_starts_a_failure_takes_everything_back,
    an_authority_that_was_brought_along_survives_a_failure,
    after_the_kubelet_has_started_a_failure_leaves_and_explains,
    failed_checks_of_kubeadm_come_with_fixes,
    a_machine_that_is_not_ready_is_not_touched,
    secrets_are_in_private_files_only,
    a_token_that_kubeadm_prints_is_in_no_error,
    a_worker_joins_with_token_and_pin,
    joining_without_a_pin_or_a_token_is_refused,
    control_plane_nodes_join_one_at_a_time,
    a_lock_of_a_dead_machine_is_told,
    addons_are_ready_only_when_their_pods_are,
    another_purpose_or_configuration_is_refused,
    one_that_has_joined_is_not_asked_where_to,
    proxies_reach_kubeadm_and_units,
    the_password_of_a_proxy_is_in_no_error,
    the_address_is_that_of_the_interface,
    addresses_are_of_the_families_of_the_cluster,
    images_are_imported_before_anything_is_pulled,
    the_manager_and_the_agent_of_pod_networks_are_installed,
    a_failed_join_lets_the_next_machine_go_on,
    what_is_left_after_the_end_is_tidied_by_the_next_run,
    the_authority_itself_is_a_pin_too,
    the_kubeadm_that_is_named_is_run,
    a_token_may_be_in_a_file,
    a_token_that_was_made_is_told_until_it_was_shown,
    a_release_with_other_defaults_knows_a_finished_machine_again,
    kubeadm_checks_its_documents_before_anything_is_done,
    the_administrator_has_rights_before_they_are_used,
    every_kubeadm_makes_a_control_plane_node_with_an_etcd,
    it_waits_as_long_as_it_is_asked_to_where_kubeadm_can,
    without_a_token_one_is_made_and_kept_while_it_is_needed,
    a_node_that_waits_to_be_accepted_is_told_where,
    a_worker_that_has_lost_its_journal_is_still_that_node,
    a_worker_without_a_journal_is_not_asked_into_another_cluster,
    a_worker_without_a_journal_waits_for_its_cluster_to_tell,
    what_runs_is_not_taken_back_when_its_journal_is_lost,
    killed_when_the_kubelet_has_its_certificate_joining_ends_the_same,
    a_journal_that_cannot_be_read_is_told,
    a_reset_machine_is_as_before_and_can_be_set_up_again,
    a_worker_that_is_reset_keeps_an_etcd_that_is_not_its_own,
}

pub(crate) const INIT: &str = "node: {name: seeder}\nclusterFormation: {token: 94dcda.c271f4ff502789ca}\nnetwork: {dns: {externalFqdn: api.example.com}}\n";
pub(crate) const PIN: &str =
    "sha256:0123456789012345678901234567890123456789012345678901234567890123";

pub(crate) fn join(more: &str) -> String {
    format!(
        "node: {{name: worker}}\nclusterFormation: {{seeder: 10.0.0.1, token: {TOKEN}{more}}}\ncertificates: {{caCrtHash: '{PIN}'}}\n"
    )
}

/// An error with all its causes.
pub(crate) fn told(error: &EngineError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!("\n{error}");
        cause = error.source();
    }
    text
}

/// Without `cluster-info`, which names the port of each test's own server.
pub(crate) const RESUMED: &str = "node: {name: seeder}\nclusterFormation: {token: 94dcda.c271f4ff502789ca}\nnetwork: {dns: {externalFqdn: api.example.com}, multipleCni: podnet}\nmanager: {image: 'kubewright:1'}\n";
