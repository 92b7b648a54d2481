output "seeder" {
  value       = local.seeder
  description = "Where the API server is."
}

output "nodes" {
  value       = libvirt_domain.node[*].network_interface[0].addresses[0]
  description = "Addresses of the nodes."
}

output "token" {
  value       = local.token
  sensitive   = true
  description = "The bootstrap token, for machines that are not of this Terraform."
}
