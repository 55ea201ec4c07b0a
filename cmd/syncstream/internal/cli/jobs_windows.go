package cli

// watchJobs does nothing: there is no job control here.
func (s *signals) watchJobs() {}
