package syncstream

func errorText(err error) string { return err.Error() }
