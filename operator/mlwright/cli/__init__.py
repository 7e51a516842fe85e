"""The plugin `kubectl mlwright`: what people ask and command, in words of their own."""
