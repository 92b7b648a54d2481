# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kubewright_global_optspecs
    string join \n log-format= log-level= h/help V/version
end

function __fish_kubewright_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kubewright_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kubewright_using_subcommand
    set -l cmd (__fish_kubewright_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kubewright -n "__fish_kubewright_needs_command" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_needs_command" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_needs_command" -s V -l version -d 'Print version'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "up" -d 'Bring everything up on this machine, without a cluster, and check it'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "local" -d 'Run a Kubernetes control plane on this machine, without a cluster'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "controllers" -d 'Run the cluster-wide controllers'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "hostendpoint" -d 'Keep Calico HostEndpoints for nodes, and guard nodes while they boot'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "crds" -d 'Print the CustomResourceDefinitions of kubewright'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "manifests" -d 'Print the manifests that install the controllers in a cluster'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "man" -d 'Print a manual page'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "version" -d 'Print the version'
complete -c kubewright -n "__fish_kubewright_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l nodes -d 'Nodes to simulate' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l state-dir -d 'Keep the cluster here, also over restarts [default: in memory]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l once -d 'End after the checks: exit code 0 if they passed, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -l json -d 'Write one JSON object for each check, and a last one with the result'
complete -c kubewright -n "__fish_kubewright_using_subcommand up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "start" -d 'Start it in the background'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "stop" -d 'End it'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "status" -d 'Say whether it runs: exit code 0 if it does, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "kubeconfig" -d 'Print its kubeconfig'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "serve" -d 'Run it in the foreground'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and not __fish_seen_subcommand_from start stop status kubeconfig serve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l listen -d 'Where to listen; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -l dry-run -d 'Say what would be started and start nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -l dry-run -d 'Say what would be ended and end nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -l path -d 'Print the name of the file instead'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from kubeconfig" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -l listen -d 'Where to listen; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -l state-dir -d 'Keep everything here, also over restarts [default: in memory, with the files of the running process below $XDG_RUNTIME_DIR or /tmp]' -r -f -a "(__fish_complete_directories)"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "start" -d 'Start it in the background'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "stop" -d 'End it'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "status" -d 'Say whether it runs: exit code 0 if it does, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "kubeconfig" -d 'Print its kubeconfig'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "serve" -d 'Run it in the foreground'
complete -c kubewright -n "__fish_kubewright_using_subcommand local; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l only -d 'Only these controllers [default: all]' -r -f -a "hostendpoint\t'Calico HostEndpoints for nodes'"
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l calico-group -d 'Group of Calico\'s resources: crd.projectcalico.org/v1 or projectcalico.org/v3 [default: by discovery]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l grace-period -d 'Seconds that a node has to be gone before its endpoints are removed' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l mass-delete-percent -d 'Share of nodes losing protection at once that stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l mass-delete-nodes -d 'Number of nodes losing protection at once that never stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l concurrency -d 'Nodes that are written at the same time' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l api-port -d 'Port that nodes reach the API server at, for the lockout preflight' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l dry-run -d 'Say what would be done and write nothing' -r -f -a "true\t''
false\t''"
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l node-condition -d 'When nodes get the condition HostProtected' -r -f -a "auto\t'On nodes that have the startup taint, a boot guard or the condition'
always\t'On every node that gets endpoints'
never\t'Never; taints stay too'"
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l resync-iters -d 'Accepted for compatibility: changes are watched, so nothing is left for a resync' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l health-address -d 'Where to answer /metrics, /healthz and /readyz; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l lease-namespace -d 'Namespace of the Lease [default: that of the pod or context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l lease-duration -d 'Seconds without renewal after which another replica takes over' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l drain -d 'Seconds that controllers have to finish when they are told to stop' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l confirm-mass-delete -d 'Delete however many nodes lose protection'
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l require-guard -d 'Count a node as protected only if its boot guard says so'
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -l no-leader-election -d 'Lead without asking: only where no other replica can run'
complete -c kubewright -n "__fish_kubewright_using_subcommand controllers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -f -a "run" -d 'Run the HostEndpoint controller alone'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -f -a "plan" -d 'Show what the controller would do, and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -f -a "guard" -d 'Close this node\'s interfaces from its start until its policy is in force'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and not __fish_seen_subcommand_from run plan guard help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l calico-group -d 'Group of Calico\'s resources: crd.projectcalico.org/v1 or projectcalico.org/v3 [default: by discovery]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l grace-period -d 'Seconds that a node has to be gone before its endpoints are removed' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l mass-delete-percent -d 'Share of nodes losing protection at once that stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l mass-delete-nodes -d 'Number of nodes losing protection at once that never stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l concurrency -d 'Nodes that are written at the same time' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l api-port -d 'Port that nodes reach the API server at, for the lockout preflight' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l dry-run -d 'Say what would be done and write nothing' -r -f -a "true\t''
false\t''"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l node-condition -d 'When nodes get the condition HostProtected' -r -f -a "auto\t'On nodes that have the startup taint, a boot guard or the condition'
always\t'On every node that gets endpoints'
never\t'Never; taints stay too'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l resync-iters -d 'Accepted for compatibility: changes are watched, so nothing is left for a resync' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l health-address -d 'Where to answer /metrics, /healthz and /readyz; port 0 takes a free one' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l lease-namespace -d 'Namespace of the Lease [default: that of the pod or context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l lease-duration -d 'Seconds without renewal after which another replica takes over' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l drain -d 'Seconds that controllers have to finish when they are told to stop' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l confirm-mass-delete -d 'Delete however many nodes lose protection'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l require-guard -d 'Count a node as protected only if its boot guard says so'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -l no-leader-election -d 'Lead without asking: only where no other replica can run'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -s f -l templates -d 'Plan with the templates in this file instead of those in the cluster; `-` reads standard input' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l from-calico -d 'Plan with templates made from Calico\'s KubeControllersConfiguration, of the cluster or of a file' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l calico-group -d 'Group of Calico\'s resources: crd.projectcalico.org/v1 or projectcalico.org/v3 [default: by discovery]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l grace-period -d 'Seconds that a node has to be gone before its endpoints are removed' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l mass-delete-percent -d 'Share of nodes losing protection at once that stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l mass-delete-nodes -d 'Number of nodes losing protection at once that never stops deletions' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l concurrency -d 'Nodes that are written at the same time' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l api-port -d 'Port that nodes reach the API server at, for the lockout preflight' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l dry-run -d 'Say what would be done and write nothing' -r -f -a "true\t''
false\t''"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l node-condition -d 'When nodes get the condition HostProtected' -r -f -a "auto\t'On nodes that have the startup taint, a boot guard or the condition'
always\t'On every node that gets endpoints'
never\t'Never; taints stay too'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l resync-iters -d 'Accepted for compatibility: changes are watched, so nothing is left for a resync' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l print-templates -d 'Print those templates, for `kubectl apply -f -`, instead of a plan'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l confirm-mass-delete -d 'Delete however many nodes lose protection'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -l require-guard -d 'Count a node as protected only if its boot guard says so'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -l kubeconfig -d 'Kubeconfig file [default: the files of $KUBECONFIG, then ~/.kube/config, then the pod\'s service account]' -r -F
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -l context -d 'Context of the kubeconfig [default: its current context]' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -f -a "lock" -d 'Close this node\'s interfaces until its policy is in force'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -f -a "release" -d 'Wait until policy is in force, then open the node'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -f -a "status" -d 'Say whether the node is locked and what is still missing'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from guard" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run the HostEndpoint controller alone'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from help" -f -a "plan" -d 'Show what the controller would do, and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from help" -f -a "guard" -d 'Close this node\'s interfaces from its start until its policy is in force'
complete -c kubewright -n "__fish_kubewright_using_subcommand hostendpoint; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand crds" -s o -l output -d 'How to write them' -r -f -a "table\t'Their names'
json\t'One List'
yaml\t'One document each'"
complete -c kubewright -n "__fish_kubewright_using_subcommand crds" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand crds" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand crds" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l namespace -d 'Namespace of the controllers' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l image -d 'Image that holds kubewright' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l replicas -d 'How many controllers run at the same time; one of them leads' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -s o -l output -d 'How to write them' -r -f -a "table\t'Kinds and names'
json\t'One List'
yaml\t'One document each'"
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l interface -d 'Main interface of the nodes' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l tunnel-interface -d 'Tunnel interface of the nodes' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l vpn-interfaces -d 'Interfaces of VPN nodes' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -l adopt -d 'Take over endpoints that the script made'
complete -c kubewright -n "__fish_kubewright_using_subcommand manifests" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand completions" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand completions" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand man" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand man" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand version" -s o -l output -d 'How to write the result' -r -f -a "table\t'For people'
json\t'For programs'
yaml\t'For programs and people'"
complete -c kubewright -n "__fish_kubewright_using_subcommand version" -l log-format -d 'How log lines are written to standard error' -r -f -a "text\t'For people'
json\t'One JSON object in each line'"
complete -c kubewright -n "__fish_kubewright_using_subcommand version" -l log-level -d 'A level (error, warn, info, debug, trace), or filter directives such as `info,kube=debug`' -r
complete -c kubewright -n "__fish_kubewright_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "up" -d 'Bring everything up on this machine, without a cluster, and check it'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "local" -d 'Run a Kubernetes control plane on this machine, without a cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "controllers" -d 'Run the cluster-wide controllers'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "hostendpoint" -d 'Keep Calico HostEndpoints for nodes, and guard nodes while they boot'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "crds" -d 'Print the CustomResourceDefinitions of kubewright'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "manifests" -d 'Print the manifests that install the controllers in a cluster'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "completions" -d 'Print the completions for a shell'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "man" -d 'Print a manual page'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "version" -d 'Print the version'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and not __fish_seen_subcommand_from up local controllers hostendpoint crds manifests completions man version help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "start" -d 'Start it in the background'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "stop" -d 'End it'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "status" -d 'Say whether it runs: exit code 0 if it does, else 1'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "kubeconfig" -d 'Print its kubeconfig'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from local" -f -a "serve" -d 'Run it in the foreground'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from hostendpoint" -f -a "run" -d 'Run the HostEndpoint controller alone'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from hostendpoint" -f -a "plan" -d 'Show what the controller would do, and do nothing'
complete -c kubewright -n "__fish_kubewright_using_subcommand help; and __fish_seen_subcommand_from hostendpoint" -f -a "guard" -d 'Close this node\'s interfaces from its start until its policy is in force'
