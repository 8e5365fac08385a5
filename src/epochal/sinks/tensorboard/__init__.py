"""TensorBoard: event files beside the run, through TensorBoard's own protos."""
