"""What jobs refer to: assets, datastores, and the bytes behind them."""
