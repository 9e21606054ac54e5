"""Carries drift back into the code: which edit, of which file, says what is live, and changes nothing else.

For each drift item rules propose candidates, the one nearest to where the value comes from first (`values`, `members`,
`resources`, `removing`, `ignoring`); the judge takes the first that makes the code say what is live and leaves
everything else as it was. Terraform's own plan then has the last word (`verify`). Pure over the bytes of the files, but
for that and for `revert`, which has Terraform save the plan of the way back.
"""
