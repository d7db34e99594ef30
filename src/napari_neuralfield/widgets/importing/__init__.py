"""The import assistant: from files, a folder or any layer to an acquisition, without writing a file by hand."""
