"""What calls of other people's services need: credentials, clients, failures, and their limits on calls and tokens."""
