"""What is asked of a formula: its gradient, Jacobian, Hessian, their structure, a shorter form.

Tensors in, tensors out. Begin with `derivatives.py`: it brings a formula into its stable form, calls the reverse pass
and lays the result out, with its sample axis. The rules are in `graphs/derivative/`, the reading of a structure in
`graphs/structure/`.
"""
