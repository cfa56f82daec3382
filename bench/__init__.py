"""Speed and memory, measured on loopback; ratios against the npm packages in the same run."""
