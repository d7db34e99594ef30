"""What the microscope really was, found from its own frames of single LEDs."""
