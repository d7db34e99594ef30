"""Pages and pictures drawn without a window, and the words beside them."""
