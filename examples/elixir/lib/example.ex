# SPDX-License-Identifier: Apache-2.0
defmodule Example do
  @moduledoc "An application that clusters by barnacle: what a user writes."
  use Application

  @impl true
  def start(_type, _args) do
    children = [{:barnacle_cluster, %{name: :peers, strategy: :local_epmd}}]
    Supervisor.start_link(children, strategy: :one_for_one, name: Example.Supervisor)
  end
end
