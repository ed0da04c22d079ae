"""What an institution and an account may use: quotas, rates, the largest file. Both hold across replicas."""
