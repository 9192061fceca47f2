"""Gradients, Jacobians, Hessians; their structure; shorter forms."""
