"""What jobs are placed on: quota, computes and their nodes, the workspace and its identities."""
