"""Statistics as pure functions of counts: standard library only, because the control plane decides by them too."""
