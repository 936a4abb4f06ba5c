# SPDX-License-Identifier: Apache-2.0
defmodule Example.MixProject do
  use Mix.Project

  def project do
    [app: :example, version: "1.0.0", elixir: "~> 1.14", deps: deps()]
  end

  def application do
    [mod: {Example, []}, extra_applications: [:logger]]
  end

  # The checkout round this directory, or what BARNACLE says: a directory or a git repository's URL.
  defp deps do
    case System.get_env("BARNACLE", "../..") do
      "file://" <> _ = url -> [{:barnacle, git: url, branch: "main"}]
      path -> [{:barnacle, path: path}]
    end
  end
end
